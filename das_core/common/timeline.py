"""The time axis of a stack: the positions of its images, to which keyframes and lists of weights refer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """The positions of the images that views can show. Frames, depths and separate images are at whole numbers.

    Args:
        moments: the position of every image that views can show, from 0, in rising order. The frames of a film are at
            0, 1, 2 and so on; a zoom also has images between its depths, such as at 0.25.
        count: the number of frames of a film, of depths of a zoom, or of separate images.
        end: the last position that a keyframe can have. For a zoom that is no loop, it is `count - 1`, the position of
            the last depth. In all other cases it is `count`, one after the last image; in a loop, the position `count`
            is the same as position 0.
        loop: whether the end is followed by the beginning.
        unit: what error messages call one of these frames, depths or images, in the singular.

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
        """Return the time axis of a film or of separate images: an image at each of the positions 0, 1, … count - 1.

        Args:
            count: how many images there are. A keyframe can also lie at the position `count`, the end, which is
                one after the last image (in a loop: image 0 again).
            loop: whether the last image is followed by the first.
            unit: what error messages call an image, in the singular.
        """
        return cls(tuple(float(number) for number in range(count)), count, count, loop, unit)
