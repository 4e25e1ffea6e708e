"""Makes films and zooms of stacks, and pictures with levels of both."""

from dataclasses import replace

import torch
from torch import Tensor

from .image_stack import ImageStack
from .pixels import crop_margin
from .state import AccumulatedGradient
from .surroundings import Surroundings
from .time import Time, mix_frames, time_matrix
from .zoom import Zoom, zoom_margin

Moment = tuple[int, int, float]
"""A moment of a film: the index of the frame at or before it, the index of the next frame, and the weight of the next
frame in the interpolation, from 0 to below 1. After the last frame of a film that is no loop, the next frame is this
frame again."""


def as_pictures(stack: ImageStack) -> ImageStack:
    """Return the frames of a film as separate pictures; a stack that is no film is returned unchanged.

    The accumulated gradient is multiplied by K_t, so that K of pictures times it is still the change of the canvas. The
    state of the optimizer is dropped.
    """
    time, parameters = stack.spec.time, stack.parameters
    if time is None:
        return stack
    if parameters is not None:
        matrix = time_matrix(time).to(parameters.tensors[0])
        parameters = AccumulatedGradient((mix_frames(matrix, parameters.tensors[0]),))
    spec = replace(stack.spec, time=None)
    return replace(stack, spec=spec, parameters=parameters, optimizer_state=None)


def as_pyramid(stack: ImageStack) -> ImageStack:
    """Return pictures with the same canvases in the parametrisation `pyramid`, which has levels.

    A stack of another parametrisation loses its parameters and the state of its optimizer.
    """
    stack = as_pictures(stack)
    if stack.spec.parametrization == "pyramid":
        return stack
    return replace(stack, spec=replace(stack.spec, parametrization="pyramid"), parameters=None, optimizer_state=None)


def as_film(stack: ImageStack, time: Time) -> ImageStack:
    """Return a film whose frames start from the canvases of a stack, spread over time and interpolated linearly.

    A film that is given another length is spread in the same way. The number of steps is kept, but neither the
    accumulated gradient nor the state of the optimizer.

    Args:
        stack: a stack that is not a zoom and does not have the method `layers`.
        time: the time axis of the film. In a loop, frames after the last image lie between the last and the first
            image; otherwise the last frame is the last image.

    Raises:
        ValueError: when the stack has the method `layers`, is a zoom, or has more images than the longest film.

    Example:
        >>> from das_core import ImageStack, StackSpec, Time, as_film
        >>> clouds = ImageStack.noise(StackSpec(width=32, height=32, margin=8), batch=3)
        >>> film = as_film(clouds, Time(frames=5))
        >>> film, bool((film.image()[[0, 2, 4]] == clouds.image()).all())
        (ImageStack(32 x 32, 5 frames, 0 steps), True)
    """
    moments = find_moments(Time(stack.batch, loop=time.loop), time.frames)
    film = ImageStack.from_canvas(replace(stack.spec, time=time), mix_moments(stack.canvas, moments))
    return replace(film, steps=stack.steps, surroundings=mix_surroundings(stack.surroundings, moments))


def as_zoom(stack: ImageStack, zoom: Zoom) -> ImageStack:
    """Return a zoom whose depths start from the canvases of a stack.

    The number of steps is kept, but neither the accumulated gradient nor the state of the optimizer. A margin wider
    than an eighth of the short side of the picture (4 to 56 pixels) is cropped to this width; levels finer than the
    cropped canvas are removed, and if none is left, one as fine as the canvas is added.

    Args:
        stack: one image, from which all depths start, or one for each depth.
        zoom: how the depths are nested.

    Raises:
        ValueError: when the number of images is neither 1 nor the number of depths; the stack has surroundings or is a
            tile; or its margin, the factor of the zoom or the frozen bands do not suit a zoom.

    Example:
        >>> from das_core import ImageStack, StackSpec, Zoom, as_zoom
        >>> clouds = ImageStack.noise(StackSpec(width=64, height=64, margin=24))
        >>> zoom = as_zoom(clouds, Zoom(depths=3))
        >>> zoom, zoom.spec.margin
        (ImageStack(64 x 64, 3 depths, 0 steps), 8)
    """
    if stack.surroundings is not None:
        raise ValueError("a zoom is no part of a picture, for it has pictures in it; leave the mask out")
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
    return replace(start, steps=stack.steps)


def find_moments(time: Time, frames: int) -> list[Moment]:
    """Return moments at equal distances over a film: from frame to last frame, or around a loop.

    Example:
        >>> from das_core.stack.conversion import find_moments
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


def mix_moments(frames: Tensor, moments: list[Moment]) -> Tensor:
    """Return frames (T, C, H, W) interpolated at N moments, (N, C, H, W)."""
    before, behind, shares = zip(*moments, strict=True)
    share = torch.tensor(shares, dtype=torch.float32, device=frames.device)[:, None, None, None]
    # Exact at a share of 0: `lerp` returns its first argument there.
    return torch.lerp(frames[list(before)], frames[list(behind)], share)


def mix_surroundings(around: Surroundings | None, moments: list[Moment]) -> Surroundings | None:
    """Return the surroundings of a film interpolated at some moments; None if it has none."""
    if around is None:
        return None
    return Surroundings(mix_moments(around.pixels, moments), mix_moments(around.mask, moments))
