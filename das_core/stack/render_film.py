"""Renders a film at moments between its frames, for example 48 frames from a stack that has 12.

The canvas at a moment is interpolated linearly, before the tanh, between the canvases of the two frames around it. The
levels in time use linear interpolation too (`stack/time.py`).
"""

from dataclasses import replace

import torch
from torch import Tensor

from ..common.interruption import pausing
from .conversion import as_pictures
from .image_stack import ImageStack
from .render import check_scale, estimate_render_bytes, render_stack, scale_size
from .surroundings import Surroundings
from .time import Time

MOST_SHOWN = 2**16
"""The largest number of frames that one call of `render_film` or `render_zoom` can render."""

_AT_ONCE = 8
"""How many frames are rendered at once, so that temporary tensors need the memory of a few frames only."""


Moment = tuple[int, int, float]
"""A moment of a film: the index of the frame at or before it, the index of the next frame, and the weight of the next
frame in the interpolation, from 0 to below 1. After the last frame of a film that is no loop, the next frame is this
frame again."""


def find_moments(time: Time, frames: int) -> list[Moment]:
    """Return moments at equal distances over a film.

    Args:
        time: the time axis of the film. In a loop, moments after the last frame lie between the last and the first
            frame. Otherwise the first moment is the first frame, and the last moment is the last frame.
        frames: the number of moments, from 1 up. A single moment is the first frame.

    Returns:
        A `Moment` for each of them, in order: the index of the frame at or before it, the index of the next frame, and
        the weight of the next frame in the interpolation, from 0 to below 1. After the last frame of a film that is no
        loop, the next frame is the last frame again.

    Example:
        >>> from das_core.stack.render_film import find_moments
        >>> from das_core.stack.time import Time
        >>> find_moments(Time(2), 3), find_moments(Time(2, loop=True), 3)[-1]
        ([(0, 1, 0.0), (0, 1, 0.5), (1, 1, 0.0)], (1, 0, 0.3333333333333333))
    """
    moments = []
    for number in range(frames):
        # Whole numbers, so that a moment that falls on a frame gets a weight of exactly 0 for the next frame.
        steps, over = (time.frames, frames) if time.loop else (time.frames - 1, max(1, frames - 1))
        before, rest = divmod(number * steps, over)
        behind = (before + 1) % time.frames if time.loop else min(before + 1, time.frames - 1)
        moments.append((before, behind, rest / over))
    return moments


class NoFilmError(ValueError):
    """The error for a stack that is no film where a film is needed.

    Example:
        >>> from das_core import ImageStack, StackSpec, render_film
        >>> from das_core.stack.render_film import NoFilmError
        >>> try:
        ...     render_film(ImageStack.gray(StackSpec(width=32, height=32, margin=8)))
        ... except NoFilmError as error:
        ...     print(error)
        the stack is no film: it has no direction of time; make it of a StackSpec with time=Time(12)
    """


def estimate_film_bytes(stack: ImageStack, frames: int, scale: float = 1.0) -> int:
    """Return about how many bytes `render_film` needs.

    Args:
        stack: a film.
        frames: how many frames are rendered.
        scale: the size of the frames as a multiple of the stack's own.
    """
    (height, width), _ = scale_size(stack.spec, scale)
    # The frames are held twice: in the parts, and in the tensor to which the parts are concatenated.
    shown = 2 * 4 * 3 * frames * height * width
    # Six float32 tensors for the moments that are rendered at once, three for the start and three for the canvas: the
    # frames before the moments, the frames after them, and the interpolated frames. Rendering at a scale other than 1
    # needs more.
    at_once = _AT_ONCE / stack.batch
    mixed = 6 * 4 * at_once * stack.canvas.numel()
    return shown + int(mixed + (0 if scale == 1 else at_once * estimate_render_bytes(stack, scale)))


def render_film(stack: ImageStack, frames: int | None = None, scale: float = 1.0) -> Tensor:
    """Render a film with any number of frames.

    Args:
        stack: a film: a stack whose spec has a `Time`.
        frames: the number of frames, 1 to 65,536, at equal distances over the film. If None, the frames of the stack
            itself, as in `stack.image()`.
        scale: the size of the frames as a multiple of the stack's own, 0.05 to 32, see `render_stack`.

    Returns:
        The frames (N, 3, height, width), 0..1, on the device of the stack.

    Raises:
        ValueError: when the stack is no film (`NoFilmError`), or the number of frames or the scale is out of range.

    Example:
        >>> from das_core import ImageStack, StackSpec, Time, render_film
        >>> stack = ImageStack.noise(StackSpec(width=32, height=24, margin=8, time=Time(frames=4, loop=True)))
        >>> render_film(stack, frames=16).shape
        torch.Size([16, 3, 24, 32])
    """
    time = stack.spec.time
    if time is None:
        raise NoFilmError(
            "the stack is no film: it has no direction of time; make it of a StackSpec with time=Time(12)"
        )
    count = time.frames if frames is None else frames
    if not 1 <= count <= MOST_SHOWN:
        raise ValueError(f"{count} frames cannot be rendered; 1 to {MOST_SHOWN} can")
    check_scale(scale)
    moments = find_moments(time, count)
    parts = []
    for begin in pausing(range(0, count, _AT_ONCE)):
        still = _find_pictures(stack, moments[begin : begin + _AT_ONCE])
        parts.append(still.image() if scale == 1 else render_stack(still, scale))
    return torch.cat(parts)


def mix_moments(frames: Tensor, moments: list[Moment]) -> Tensor:
    """Return the frames at N moments, (N, C, H, W): linear interpolations of the two frames around each moment.

    Args:
        frames: the frames of a film, (T, C, H, W).
        moments: for each moment the index of the frame at or before it, the index of the next frame, and the weight of
            the next frame.
    """
    before, behind, shares = zip(*moments, strict=True)
    share = torch.tensor(shares, dtype=torch.float32, device=frames.device)[:, None, None, None]
    # Exact at a share of 0: `lerp` returns its first argument there.
    return torch.lerp(frames[list(before)], frames[list(behind)], share)


def mix_surroundings(around: Surroundings | None, moments: list[Moment]) -> Surroundings | None:
    """Return the surroundings of a film at some moments, linearly interpolated between its frames; None if it has none.

    Args:
        around: the surroundings, with one picture and one mask for each frame; None if the film has none.
        moments: as for `mix_moments`: for each moment the index of the frame at or before it, the index of the next
            frame, and the weight of the next frame.
    """
    if around is None:
        return None
    return Surroundings(mix_moments(around.pixels, moments), mix_moments(around.mask, moments))


def _find_pictures(stack: ImageStack, moments: list[Moment]) -> ImageStack:
    """Return a stack of separate pictures that show a film at some moments, interpolated between its frames."""
    # Without parameters: those of the film do not describe the interpolated canvases.
    return replace(
        as_pictures(replace(stack, parameters=None)),
        start=mix_moments(stack.start, moments),
        canvas=mix_moments(stack.canvas, moments),
        surroundings=mix_surroundings(stack.surroundings, moments),
    )
