"""The time axis of a stack: the positions of its images, to which keyframes and lists of weights refer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """The positions of the images that views can show. Frames, depths and separate images are at whole numbers.
    `moments` rise from 0; a zoom also has some between its depths. `count` is the number of frames, depths or images,
    and `end` the last position that a keyframe can have: that of the last depth of a zoom, else one after the last
    image (which in a loop is image 0 again). Messages call one of them a `unit`."""

    moments: tuple[float, ...]
    count: int
    end: int
    loop: bool = False
    unit: str = "image"

    @classmethod
    def from_images(cls, count: int, *, loop: bool = False, unit: str = "image") -> "Timeline":
        """Return the time axis of a film or of separate images: an image at each of the positions 0, 1, … count - 1."""
        return cls(tuple(float(number) for number in range(count)), count, count, loop, unit)
