"""Edits a stack by its levels, as in imstack (Whitaker, 2021), and a film by its changes in time."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..common.scalars import check_count, check_number
from .bands import FINEST, Band, combine_gains, select_levels
from .decomposition import Decomposition
from .image_stack import ImageStack
from .pixels import from_rgb, to_rgb
from .time import Time, mix_frames


def edit_stack(
    stack: ImageStack,
    *,
    gains: Sequence[tuple[Band, float]] = (),
    reset: Sequence[Band] = (),
    freeze: Sequence[Band] = (),
    other: ImageStack | None = None,
    blend: float = 0.5,
    blend_bands: Sequence[Band] = (),
) -> ImageStack:
    """Return a stack whose levels are edited, and from which ascents can continue.

    Edits are applied in this order: `blend`, `reset`, `gains`, `freeze`. A band (low, high) has the levels `low` to
    `high`; what is finer than the finest level is edited with it. The state of the optimizer is dropped.

    Args:
        stack: the stack to edit.
        gains: bands and their factors: 0 removes a band, -1 makes it negative; those of overlapping bands multiply.
        reset: bands from which everything is removed that ascents have added since `stack.start`.
        freeze: bands that later ascents leave as they are, in place of those that were frozen before.
        other: a stack with the same size and margin to mix in, with one image or as many as `stack`.
        blend: the share of `other`, 0 (`stack` alone) to 1.
        blend_bands: the bands that are mixed; if it is empty, all levels.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)), decay=1)
        >>> smooth = da.stack.edit_stack(stack, gains=[((48, 48), 0.0)])
        >>> [round(float(edited.image().diff().abs().mean()), 2) for edited in (stack, smooth)]
        [0.2, 0.03]
    """
    levels = stack.spec.levels
    if not stack.steps:  # A new stack may be paler than its start; no ascent has added this difference.
        stack = replace(stack, start=stack.canvas)
    parts, shares = [stack], [[1.0] * len(levels)]
    if other is not None:
        check_number("blend", blend, 0, 1, "0 is this stack, 1 the other one")
        mixed = [blend * chosen for chosen in select_levels(blend_bands or [(1, FINEST)], levels)]
        parts, shares = [stack, _convert_like(stack, other)], [[1 - share for share in mixed], mixed]
    factors, gone = combine_gains(gains, levels), select_levels(reset, levels)
    select_levels(freeze, levels)  # Raises an error if a band contains no level.
    start = canvas = torch.zeros_like(stack.canvas)
    for part, share in zip(parts, shares, strict=True):
        kept = [factor * one for factor, one in zip(factors, share, strict=True)]
        begin = Decomposition(part.spec, part.start).weigh(kept)
        added = [factor * (not lost) for factor, lost in zip(kept, gone, strict=True)]
        start = start + begin
        canvas = canvas + begin + Decomposition(part.spec, part.canvas - part.start).weigh(added)
    return _replace_canvas(replace(stack, spec=replace(stack.spec, frozen=tuple(freeze))), start, canvas)


def scale_changes(stack: ImageStack, gains: Sequence[tuple[Band, float]]) -> ImageStack:
    """Return a film whose changes in time are multiplied by factors; the mean of all frames stays as it is.

    Change k is a cosine with k half-waves over the film; in a loop, a wave with k periods. The start is edited like the
    canvas. The state of the optimizer is dropped.

    Args:
        stack: a film.
        gains: bands of changes (first, last), numbered from 1 (the slowest), both included, each with its factor. The
            factors of overlapping bands are multiplied.
    """
    time = stack.spec.time
    if time is None or time.frames < 2:
        raise ValueError("a picture has no changes in time to scale; make a film of it first (as_film), or leave them")
    fastest = time.frames // 2 if time.loop else time.frames - 1
    factors = [1.0, *combine_gains(gains, range(1, fastest + 1), "holds no change")]
    matrix = _make_change_matrix(time, torch.tensor(factors, dtype=torch.float64)).to(stack.canvas)
    return _replace_canvas(stack, mix_frames(matrix, stack.start), mix_frames(matrix, stack.canvas))


def _make_change_matrix(time: Time, factors: Tensor) -> Tensor:
    """Return the matrix (T, T), float64, that multiplies the mean and each change of T frames by its factor."""
    frames = torch.arange(time.frames)
    if time.loop:
        # A filter of periodic waves is a circular convolution: an entry depends only on the distance of its two frames.
        by_distance = torch.fft.irfft(factors, n=time.frames)
        return by_distance[(frames[:, None] - frames) % time.frames]
    places = frames.double()
    waves = torch.cos(math.pi / time.frames * places[:, None] * (places + 0.5))
    waves = waves / waves.norm(dim=1, keepdim=True)
    return waves.T @ (factors[:, None] * waves)


def _replace_canvas(stack: ImageStack, start: Tensor, canvas: Tensor) -> ImageStack:
    """Return a stack with another start and canvas after an edit, without optimizer state."""
    if not bool(start.isfinite().all() and canvas.isfinite().all()):
        raise ValueError("the edit leads to values that are not finite; use smaller factors, or fewer for one band")
    return replace(stack, start=start, canvas=canvas, optimizer_state=None)


def _convert_like(stack: ImageStack, other: ImageStack) -> ImageStack:
    """Return the pictures of `other` as a stack with the spec and the number of images of `stack`."""
    mine, theirs = stack.spec, other.spec
    if (mine.width, mine.height, mine.margin) != (theirs.width, theirs.height, theirs.margin):
        sizes = [f"{spec.width} x {spec.height} with a margin of {spec.margin}" for spec in (mine, theirs)]
        raise ValueError(f"a stack of {sizes[0]} does not blend with one of {sizes[1]}: make both of one size")
    check_count(other.batch, stack.batch, "images of the other stack")
    canvases = [other.start, other.canvas]
    if mine.color != theirs.color:
        canvases = [from_rgb(to_rgb(each, theirs.color), mine.color) for each in canvases]
    start, canvas = (each.expand_as(stack.canvas) for each in canvases)
    return ImageStack(mine, start, canvas)
