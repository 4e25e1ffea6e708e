"""The time axis of a stack: the positions of its images, to which keyframes and lists of weights refer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """The positions of the images that views can show. Frames, depths and separate images are at whole numbers.

    Args:
        moments: the position of every image that views can show, from 0, in rising order. The frames of a film are at
            0, 1, 2 and so on; a zoom also has images between its depths, such as at 0.25.
        count: the number of frames of a film, of depths of a zoom, or of separate images.
        end: the last position that a keyframe can have: the number of the last depth of a zoom; for films, separate
            images and loops `count`. In a loop, `count` is position 0 again.
        loop: whether the end is followed by the beginning.
        unit: the singular noun for one of the things that `count` counts; error messages use it.

    Example:
        >>> from das_core.common.timeline import Timeline
        >>> Timeline.from_images(3, loop=True)
        Timeline(moments=(0.0, 1.0, 2.0), count=3, end=3, loop=True, unit='image')
    """

    moments: tuple[float, ...]
    count: int
    end: int
    loop: bool = False
    unit: str = "image"

    @classmethod
    def from_images(cls, count: int, *, loop: bool = False, unit: str = "image") -> "Timeline":
        """Return the time axis of the frames of a film or of separate images: one at each of 0, 1, … count - 1.

        Args:
            count: how many images there are; also the last position that a keyframe can have.
            loop: whether the last image is followed by the first.
            unit: the singular noun for an image; error messages use it.
        """
        return cls(tuple(float(number) for number in range(count)), count, count, loop, unit)
