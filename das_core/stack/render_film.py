"""Renders a film at moments between its frames, so that 12 frames become 48.

The canvas between two frames is their linear interpolation, before the tanh, as it is between the points of the levels
in time.
"""

from dataclasses import replace

import torch
from torch import Tensor

from .decomposition import as_pictures
from .image_stack import ImageStack
from .render import check_scale, render_stack
from .surroundings import Surroundings
from .time import Time

MOST_SHOWN = 2**16
"""The most frames that one call of `render_film` may ask for."""

_AT_ONCE = 8
"""How many frames are rendered at once, so that temporary tensors need the memory of a few frames only."""


def find_moments(time: Time, frames: int) -> list[tuple[int, int, float]]:
    """Return between which frames of a film some moments lie, and where.

    Args:
        time: the time axis of the film. In a loop, moments after the last frame lie between it and the first; otherwise
            the first and the last moment are the first and the last frame.
        frames: the number of moments, from 1 up, at equal distances over the film.

    Returns:
        For every moment the frame before it, the frame after it, and the weight of the second, 0 to below 1.

    Example:
        >>> from das_core.stack.render_film import find_moments
        >>> from das_core.stack.time import Time
        >>> find_moments(Time(2), 3), find_moments(Time(2, loop=True), 3)[-1]
        ([(0, 1, 0.0), (0, 1, 0.5), (1, 1, 0.0)], (1, 0, 0.3333333333333333))
    """
    moments = []
    for number in range(frames):
        # In whole numbers, so that a moment that is a frame is that frame exactly.
        steps, over = (time.frames, frames) if time.loop else (time.frames - 1, max(1, frames - 1))
        before, rest = divmod(number * steps, over)
        behind = (before + 1) % time.frames if time.loop else min(before + 1, time.frames - 1)
        moments.append((before, behind, rest / over))
    return moments


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
        ValueError: when the stack is no film, or the number of frames or the scale is out of range.

    Example:
        >>> from das_core import ImageStack, StackSpec, Time, render_film
        >>> stack = ImageStack.noise(StackSpec(width=32, height=24, margin=8, time=Time(frames=4, loop=True)))
        >>> render_film(stack, frames=16).shape
        torch.Size([16, 3, 24, 32])
    """
    time = stack.spec.time
    if time is None:
        raise ValueError("the stack is no film: it has no direction of time; make it of a StackSpec with time=Time(12)")
    count = time.frames if frames is None else frames
    if not 1 <= count <= MOST_SHOWN:
        raise ValueError(f"{count} frames cannot be rendered; 1 to {MOST_SHOWN} can")
    check_scale(scale)
    moments = find_moments(time, count)
    parts = []
    for begin in range(0, count, _AT_ONCE):
        still = _find_pictures(stack, moments[begin : begin + _AT_ONCE])
        parts.append(still.image() if scale == 1 else render_stack(still, scale))
    return torch.cat(parts)


def _find_pictures(stack: ImageStack, moments: list[tuple[int, int, float]]) -> ImageStack:
    """Return a film at some moments, as a stack of pictures."""
    before, behind, shares = zip(*moments, strict=True)
    share = torch.tensor(shares, device=stack.canvas.device)[:, None, None, None]

    def between(frames: Tensor) -> Tensor:
        # Exact at a share of 0: `lerp` returns its first argument there.
        return torch.lerp(frames[list(before)], frames[list(behind)], share)

    around = stack.surroundings
    return replace(
        as_pictures(replace(stack, parameters=None)),
        start=between(stack.start),
        canvas=between(stack.canvas),
        surroundings=None if around is None else Surroundings(between(around.pixels), between(around.mask)),
    )
