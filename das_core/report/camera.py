"""A virtual camera over pictures, which pans, zooms and rolls between keyframes, and the frames that it sees."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.curves import Curve, check_curve
from ..common.geometry import Shape, read_size
from ..common.images import Images, check_images
from ..common.interruption import pausing
from ..common.scalars import check_number
from ..common.text import shorten
from .shots import Shot, find_shot, parse_shots

MOST_FRAMES, LARGEST_SIDE = 2**16, 2**15  # The most frames of one film, and the longest side of a frame in pixels.


def move_camera(
    images: Images,
    shots: Mapping[int, Shot] | str,
    *,
    frames: int | None = None,
    size: int | tuple[int, int] | None = None,
    curve: Curve = "cosine",
) -> Tensor:
    """Return the frames of a camera that moves over a picture or a film: (N, 3, height, width), 0..1.

    Frames never show anything outside the picture: near an edge the camera is moved inwards, and where a rolled frame
    does not fit, the zoom is increased. Position, roll and the logarithm of the zoom are interpolated.

    Args:
        images: a picture, or a film with one image for each frame, see `Images`. If the camera zooms in far, give
            images that are larger than the frames, such as those of `render_stack(stack, 4)`.
        shots: a dictionary from frame numbers, from 0, to shots; or a text such as '0: 0.5 0.5 1 / 47: 0.3 0.6 4 15',
            with x, y, zoom and, if you like, roll. Before the first shot and after the last the camera does not move.
        frames: the number of frames; by default that of the images, and for a single image up to the last shot.
        size: width and height of the frames in pixels, or one number for both; by default those of the images.
        curve: how the camera moves from shot to shot: `cosine` starts and stops softly, `linear` has a constant speed,
            `step` jumps to the next shot when half of the frames between the two are over.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> picture = torch.rand(1, 3, 64, 96)
        >>> da.move_camera(picture, {0: da.Shot(), 11: da.Shot(x=0.8, zoom=3, roll=10)}, size=(48, 32)).shape
        torch.Size([12, 3, 32, 48])
    """
    images = check_images(images, "the picture under the camera").float()
    check_curve(curve)
    known = _read_shots(shots)
    shape = images.shape[2], images.shape[3]
    count, (height, width) = plan_frames(len(images), shape, known, frames=frames, size=size)
    seen = images.new_empty(count, 3, height, width)
    for number, out in pausing(list(enumerate(seen))):
        image = images[number if len(images) > 1 else 0]
        out.copy_(_film(image, find_shot(known, number, curve), height, width))
    return seen


def plan_frames(
    images: int,
    shape: Shape,
    shots: Mapping[int, Shot],
    *,
    frames: int | None = None,
    size: int | tuple[int, int] | None = None,
) -> tuple[int, Shape]:
    """Return how many frames `move_camera` makes, and their height and width."""
    last = max(shots)
    count = frames if frames is not None else images if images > 1 else last + 1
    count = check_number("frames", count, 1, MOST_FRAMES, "24 make two seconds", whole=True)
    if last >= count:
        raise ValueError(f"shot {last} is beyond the end of {count} frames; number the shots from 0 to {count - 1}")
    if images not in (1, count):
        raise ValueError(
            f"{images} images are no film of {count} frames; give 1 or {count} images, or ask for {images} frames"
        )
    height, width = shape if size is None else reversed(read_size(size))
    for name, side in (("width", width), ("height", height)):
        check_number(f"{name} of a frame", side, 1, LARGEST_SIDE, "448 is usual", whole=True)
    return count, (height, width)


def estimate_camera_bytes(images: int, shape: Shape, frames: int, frame_shape: Shape) -> int:
    """Return about how many bytes `move_camera` needs: images and frames, copies of both, and the making of a frame."""
    pixels, frame_pixels = math.prod(shape), math.prod(frame_shape)
    # Images and frames, each with one copy: 2 tensors, 4 bytes per value, 3 channels.
    kept = 2 * 4 * 3 * (images * pixels + frames * frame_pixels)
    # While one frame is made, at 4 bytes per value: 2 images of 3 channels (the shrunk image and an intermediate one),
    # and 12 values per pixel of the frame (two forms of the grid, the samples, and the clamped samples).
    return kept + 4 * (2 * 3 * pixels + 12 * frame_pixels)


def _read_shots(shots: Mapping[int, Shot] | str) -> dict[int, Shot]:
    """Return the shots of a camera, given as a dictionary or as text, sorted by frame number."""
    known = parse_shots(shots) if isinstance(shots, str) else shots
    if not known:
        raise ValueError("the camera has no shot; give at least one, such as {0: Shot(), 47: Shot(zoom=3)}")
    for number, shot in known.items():
        if not isinstance(shot, Shot):
            raise ValueError(f"shot {number!r} is {shorten(repr(shot))}; give a Shot, such as Shot(x=0.8, zoom=3)")
        check_number("frame of a shot", number, 0, MOST_FRAMES - 1, "the first is 0", whole=True)
    return dict(sorted(known.items()))


def _film(image: Tensor, shot: Shot, height: int, width: int) -> Tensor:
    """Return the frame (3, height, width) that the camera sees of an image (3, H, W)."""
    tall, wide = image.shape[1:]
    turn = math.radians(shot.roll)
    cosine, sine = math.cos(turn), math.sin(turn)
    # Half the height and width of the upright bounding box of the rolled frame, in units of half the frame's height.
    aspect = width / height
    reach_down = abs(cosine) + abs(sine) * aspect
    reach_right = abs(cosine) * aspect + abs(sine)
    # Half the height of the frame at zoom 1 without roll, in pixels of the image.
    fits = min(tall / 2, wide / 2 / aspect)
    # Half the height of this frame, in pixels of the image.
    half = min(fits / shot.zoom, tall / 2 / reach_down, wide / 2 / reach_right)
    down = min(max(shot.y * tall, half * reach_down), tall - half * reach_down)
    right = min(max(shot.x * wide, half * reach_right), wide - half * reach_right)
    shrinking = 2 * half / height
    source = image[None]
    if shrinking > 1:
        shape = max(1, round(tall / shrinking)), max(1, round(wide / shrinking))
        source = F.interpolate(source, size=shape, mode="bicubic", antialias=True)
    # From positions in the frame to those in the image, which `affine_grid` measures from -1 to 1, edge to edge.
    to_right, to_down = 2 * half / wide, 2 * half / tall
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
