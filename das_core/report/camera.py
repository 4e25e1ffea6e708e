"""A virtual camera over pictures, which pans, zooms and rolls between keyframes, and the frames that it sees."""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.curves import Curve, check_curve, interpolate
from ..common.geometry import read_size
from ..common.images import Images, check_images
from ..common.interruption import pausing
from ..common.text import shorten

MOST_FRAMES = 2**16
"""The most frames of one film."""

CLOSEST = 64.0
"""The greatest zoom: of a picture of 1024 pixels, a frame then shows 16."""


@dataclass(frozen=True)
class Shot:
    """The position, zoom and roll of a camera.

    Args:
        x: the horizontal position of the middle of the frame in the picture, 0 (left) to 1 (right).
        y: the vertical position of the middle of the frame in the picture, 0 (top) to 1 (bottom).
        zoom: 1 to 64; at 1 the frame is the largest that fits into the picture, at 2 half as wide.
        roll: by how many degrees the camera is turned clockwise. The contents of the frame turn the other way: at 90
            the right side of the picture is at the top.

    Raises:
        ValueError: when a number is out of range.

    Example:
        >>> from das_core import Shot
        >>> Shot(x=0.25, zoom=2)
        Shot(x=0.25, y=0.5, zoom=2, roll=0.0)
    """

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (("x", 0.0, 1.0), ("y", 0.0, 1.0), ("zoom", 1.0, CLOSEST), ("roll", -36e3, 36e3)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} {value} of a shot is not between {low:g} and {high:g}")


def move_camera(
    images: Images,
    shots: Mapping[int, Shot],
    *,
    frames: int | None = None,
    size: int | tuple[int, int] | None = None,
    curve: Curve = "cosine",
) -> Tensor:
    """Return the frames of a camera that moves over a picture or a film.

    Frames never show anything outside the picture: near an edge the camera is moved inwards, and where a rolled frame
    does not fit, the zoom is increased. Position and roll are interpolated, and so is the logarithm of the zoom: with
    the curve `linear` the picture is enlarged by the same factor from frame to frame. Frames are sampled with bicubic
    interpolation, and antialiased where the picture shrinks.

    Args:
        images: a picture, or a film with one image for each frame, see `Images`. If the camera zooms in far, give
            images that are larger than the frames, such as those of `render_stack(stack, 4)`.
        shots: the keyframes of the camera, by the number of a frame from 0. Before the first and after the last of them
            the camera does not move.
        frames: the number of frames; if None, the number of images, or for a single image one more than the number of
            the last shot.
        size: width and height of the frames in pixels, or one number for both; those of the picture if None.
        curve: how the camera moves from shot to shot: `cosine` starts and stops softly, `linear` has a constant speed,
            `step` jumps half-way.

    Returns:
        The frames (N, 3, height, width), 0..1, on the device of the images.

    Raises:
        ValueError: when there is no shot, one is beyond the end, the number of images is neither 1 nor that of the
            frames, a setting is out of range, or these are no images.

    Example:
        >>> import torch
        >>> from das_core import Shot, move_camera
        >>> picture = torch.rand(1, 3, 64, 96)
        >>> move_camera(picture, {0: Shot(), 11: Shot(x=0.8, zoom=3, roll=10)}, size=(48, 32)).shape
        torch.Size([12, 3, 32, 48])
    """
    images = check_images(images, "the picture under the camera").float()
    check_curve(curve)
    if not shots:
        raise ValueError("the camera has no shot; give at least one, such as {0: Shot(), 47: Shot(zoom=3)}")
    for number, shot in shots.items():
        if not isinstance(shot, Shot):
            raise ValueError(f"shot {number!r} is {shorten(repr(shot))}; give a Shot, such as Shot(x=0.8, zoom=3)")
        if type(number) is not int or not 0 <= number < MOST_FRAMES:
            raise ValueError(f"shot {number!r} is not at a whole number of a frame from 0 to {MOST_FRAMES - 1}")
    known = dict(sorted(shots.items()))
    count = frames if frames is not None else len(images) if len(images) > 1 else max(known) + 1
    if not 1 <= count <= MOST_FRAMES:
        raise ValueError(f"{count} frames cannot be filmed; 1 to {MOST_FRAMES} can")
    if max(known) >= count:
        raise ValueError(f"shot {max(known)} is beyond the end of {count} frames, the last of which is {count - 1}")
    if len(images) not in (1, count):
        raise ValueError(f"{len(images)} images are no film of {count} frames; give 1 or {count}")
    width, height = read_size(size if size is not None else (images.shape[3], images.shape[2]))
    if not (1 <= width <= 2**15 and 1 <= height <= 2**15):
        raise ValueError(f"frames of {width} x {height} pixels cannot be; give sides from 1 to {2**15}")
    seen = images.new_empty(count, 3, height, width)
    for number, out in pausing(list(enumerate(seen))):
        image = images[number if len(images) > 1 else 0]
        out.copy_(_film(image, find_shot(known, number, curve), height, width))
    return seen


def find_shot(shots: Mapping[int, Shot], frame: int, curve: Curve = "cosine") -> Shot:
    """Return the interpolated shot at a frame.

    Args:
        shots: the keyframes by the number of their frame, in rising order.
        frame: the number of the frame.
        curve: how the camera moves from one keyframe to the next.

    Example:
        >>> from das_core.report.camera import Shot, find_shot
        >>> find_shot({0: Shot(zoom=1), 2: Shot(zoom=4, roll=90)}, 1, curve="linear")
        Shot(x=0.5, y=0.5, zoom=2.0, roll=45.0)
    """
    numbers = list(shots)
    if frame <= numbers[0] or frame >= numbers[-1]:
        return shots[numbers[0] if frame <= numbers[0] else numbers[-1]]
    before, behind = next(pair for pair in pairwise(numbers) if pair[0] <= frame < pair[1])
    share = interpolate(0.0, 1.0, curve, (frame - before) / (behind - before))
    x, y, zoom, roll = (
        start + (end - start) * share
        for start, end in zip(_in_octaves(shots[before]), _in_octaves(shots[behind]), strict=True)
    )
    return Shot(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0), min(max(2.0**zoom, 1.0), CLOSEST), roll)


def _in_octaves(shot: Shot) -> tuple[float, float, float, float]:
    """Return x, y, log2 of the zoom, and roll of a shot."""
    x, y, zoom, roll = astuple(shot)
    return x, y, math.log2(zoom), roll


def _film(image: Tensor, shot: Shot, height: int, width: int) -> Tensor:
    """Return the frame (3, height, width) that a camera sees of an image (3, H, W)."""
    tall, wide = image.shape[1:]
    turn = math.radians(shot.roll)
    cosine, sine = math.cos(turn), math.sin(turn)
    # Half the height and width of the upright bounding box of the rolled frame, in units of half the frame's height.
    aspect = width / height
    reach_down = abs(cosine) + abs(sine) * aspect
    reach_right = abs(cosine) * aspect + abs(sine)
    fits = min(tall / 2, wide / 2 / aspect)
    # Half the height of the frame, in pixels of the image.
    half = min(fits / shot.zoom, tall / 2 / reach_down, wide / 2 / reach_right)
    down = min(max(shot.y * tall, half * reach_down), tall - half * reach_down)
    right = min(max(shot.x * wide, half * reach_right), wide - half * reach_right)
    # If a pixel of the frame is larger than one of the image, the image is first shrunk, with antialiasing.
    shrinking = 2 * half / height
    source = image[None]
    if shrinking > 1:
        shape = max(1, round(tall / shrinking)), max(1, round(wide / shrinking))
        source = F.interpolate(source, size=shape, mode="bicubic", antialias=True)
    to_right = 2 * half / wide
    to_down = 2 * half / tall
    affine = torch.tensor(
        [
            [cosine * aspect * to_right, -sine * to_right, 2 * right / wide - 1],
            [sine * aspect * to_down, cosine * to_down, 2 * down / tall - 1],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(affine[None].to(image.device), [1, 3, height, width], align_corners=False)
    seen: Tensor = F.grid_sample(source, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return seen[0].clamp(0, 1)
