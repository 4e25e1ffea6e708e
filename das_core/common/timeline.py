"""Where the images of a stack lie on a time axis, which keyframes and lists of weights refer to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """The images that views can show, and where each lies between whole numbers: frames, depths, or separate images.

    Args:
        moments: the position of every image that views can show, rising, from 0. The frames of a film lie at 0, 1, 2
            and so on; a zoom has images between its depths as well.
        count: the number of frames of a film, of depths of a zoom, or of separate images.
        end: the last position that a keyframe can have. In a loop it is `count`, which is position 0 again.
        loop: whether the end is followed by the beginning.
        unit: the word for what `count` counts, in messages.

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
        """Return the time axis of images one after another; their number itself is the end.

        Args:
            count: how many there are.
            loop: whether the last one is followed by the first.
            unit: the word for an image, in messages.
        """
        return cls(tuple(float(number) for number in range(count)), count, count, loop, unit)
