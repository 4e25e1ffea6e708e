"""Makes films and zooms of stacks, and pictures with levels of both."""

from dataclasses import replace

import torch
from torch import Tensor

from .image_stack import ImageStack
from .pixels import crop_margin
from .start import Surroundings
from .time import Time
from .zoom import Zoom, zoom_margin

Moment = tuple[int, int, float]
"""A moment of a film: the index of the frame at or before it, that of the next frame (of the last one itself, if there
is no loop), and the weight of the next frame, from 0 to below 1."""


def as_film(stack: ImageStack, time: Time) -> ImageStack:
    """Return a film whose frames start from the canvases of a stack, spread over time and interpolated linearly.

    The number of steps is kept, but not the state of the optimizer.

    Args:
        stack: a stack that is not a zoom; a film is given another length.
        time: the time axis of the film. In a loop, frames after the last image lie between the last and the first
            image; otherwise the last frame is the last image.

    Example:
        >>> import direct_ascent as da
        >>> clouds = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8), batch=3)
        >>> film = da.stack.as_film(clouds, da.stack.Time(frames=5))
        >>> film, bool((film.image()[[0, 2, 4]] == clouds.image()).all())
        (ImageStack(32 x 32, 5 frames, 0 steps), True)
    """
    moments = find_moments(Time(stack.batch, loop=time.loop), time.frames)
    film = ImageStack.from_canvas(replace(stack.spec, time=time), mix_moments(stack.canvas, moments))
    return replace(film, steps=stack.steps, surroundings=mix_surroundings(stack.surroundings, moments))


def as_zoom(stack: ImageStack, zoom: Zoom) -> ImageStack:
    """Return a zoom whose depths start from the canvases of a stack.

    The number of steps is kept, but not the state of the optimizer. A margin wider than an eighth of the short side (4
    to 56 pixels) is cropped to it, and levels finer than the canvas are removed.

    Args:
        stack: one image, from which all depths start, or one for each depth.
        zoom: how the depths are nested.
    """
    if stack.batch not in (1, zoom.depths):
        raise ValueError(
            f"{stack.batch} pictures are no zoom of {zoom.depths} depths; 1, which all start from, or {zoom.depths} are"
        )
    spec = stack.spec
    margin = min(spec.margin, zoom_margin(spec.width, spec.height))
    longest = max(spec.width, spec.height) + 2 * margin
    levels = tuple(level for level in spec.levels if level <= longest) or (longest,)
    nested = replace(spec, margin=margin, levels=levels, time=None, zoom=zoom)
    canvas = crop_margin(stack.canvas, spec.margin - margin)
    start = ImageStack.from_canvas(nested, canvas.expand(zoom.depths, -1, -1, -1).contiguous())
    return replace(start, steps=stack.steps, surroundings=stack.surroundings)


def find_moments(time: Time, frames: int) -> list[Moment]:
    """Return N moments at equal distances over a film: from frame to last frame, or around a loop."""
    moments = []
    # Whole numbers, so that a moment that falls on a frame gets a weight of exactly 0 for the next frame.
    steps, over = (time.frames, frames) if time.loop else (time.frames - 1, max(1, frames - 1))
    for number in range(frames):
        before, rest = divmod(number * steps, over)
        behind = (before + 1) % time.frames if time.loop else min(before + 1, time.frames - 1)
        moments.append((before, behind, rest / over))
    return moments


def mix_moments(frames: Tensor, moments: list[Moment]) -> Tensor:
    """Return frames (T, C, H, W) interpolated at N moments, (N, C, H, W)."""
    before, behind, shares = zip(*moments, strict=True)
    share = torch.tensor(shares, dtype=torch.float32, device=frames.device)[:, None, None, None]
    return torch.lerp(frames[list(before)], frames[list(behind)], share)  # Exact at a share of 0.


def mix_surroundings(around: Surroundings | None, moments: list[Moment]) -> Surroundings | None:
    """Return the surroundings of a film interpolated at some moments; None if it has none."""
    if around is None:
        return None
    return Surroundings(mix_moments(around.pixels, moments), mix_moments(around.mask, moments))
