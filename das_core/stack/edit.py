"""Stacks edited by their levels: bands of resolutions weakened, taken back, frozen, or mixed with another stack's.

The idea of editing a picture through layers of its own at every resolution is imstack's (Whitaker, 2021).
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from .bands import FINEST, Band, combine_gains, select_levels
from .color import from_rgb, to_rgb
from .decomposition import Decomposition, decompose_change, decompose_start, estimate_decomposition_bytes
from .image_stack import ImageStack

_EVERYTHING: Band = (1, FINEST)


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

    The edits are applied in this order: `blend`, `reset`, `gains`, `freeze`. A band (low, high) means the levels with
    these resolutions, both included. What is finer than the finest level is edited with that level. The state of the
    optimizer belongs to the picture before the edits and is dropped.

    Args:
        stack: the stack to edit; it stays as it is.
        gains: bands and the factors that their levels are multiplied by. 0 removes a band, -1 turns it into its
            negative. A level in several of the bands is multiplied by all their factors.
        reset: bands that lose what ascents have added to them since `stack.start` (see `ImageStack`).
        freeze: bands that later ascents leave as they are. They replace the bands that were frozen before.
        other: a stack of the same size to mix in; its levels and colour space may be others.
        blend: the share of the other stack, 0..1: 0 is this stack alone, 1 the other alone.
        blend_bands: the bands that are mixed; all levels if there are none.

    Returns:
        A stack with the spec of `stack`, except for the frozen bands.

    Raises:
        ValueError: when a band contains no level (`EmptyBandError`), the frozen bands leave nothing that could move,
            `blend` is not between 0 and 1, the other stack has another size or does not fit the batch, or factors are
            so large that the canvas is not finite.

    Example:
        >>> from das_core import ImageStack, StackSpec, edit_stack
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)), decay=1)
        >>> smooth = edit_stack(stack, gains=[((48, 48), 0.0)])
        >>> [round(float(edited.image().diff().abs().mean()), 2) for edited in (stack, smooth)]
        [0.2, 0.03]
    """
    levels = stack.spec.resolutions
    start, change = decompose_start(stack), decompose_change(stack)
    if other is not None:
        if not 0 <= blend <= 1:
            raise ValueError(f"blend {blend} is not between 0 (this stack) and 1 (the other one)")
        other = _convert_like(stack, other)
        shares = [blend * chosen for chosen in select_levels(blend_bands or [_EVERYTHING], levels)]
        start, change = _blend(start, decompose_start(other), shares), _blend(change, decompose_change(other), shares)
    change = change.scale([float(not gone) for gone in select_levels(reset, levels)])
    factors = combine_gains(gains, levels)
    start, change = start.scale(factors), change.scale(factors)
    begin = start.canvas()
    select_levels(freeze, levels)
    spec = replace(stack.spec, frozen=tuple(freeze))
    return replace_canvas(replace(stack, spec=spec), begin, begin + change.canvas())


def replace_canvas(stack: ImageStack, start: Tensor, canvas: Tensor) -> ImageStack:
    """Return a stack after an edit: with another start and canvas, and without the state of an optimizer.

    Args:
        stack: the stack before the edit.
        start: the start after it, (B, 3, H, W).
        canvas: the canvas after it, (B, 3, H, W).

    Raises:
        ValueError: when the canvas is not finite.
    """
    if not bool(start.isfinite().all() and canvas.isfinite().all()):
        raise ValueError("the edit leads to values that are not finite; use smaller factors, or fewer for one band")
    return replace(stack, start=start, canvas=canvas, parameters=None, optimizer_state=None)


def estimate_edit_bytes(stack: ImageStack, other: ImageStack | None = None) -> int:
    """Return about how many bytes `edit_stack` needs.

    Args:
        stack: the stack to edit.
        other: the stack that is mixed in, if there is one.
    """
    levels = stack.spec.levels_bytes(stack.batch)
    return estimate_decomposition_bytes(stack) + (2 if other is None else 6) * levels


def _blend(one: Decomposition, other: Decomposition, shares: Sequence[float]) -> Decomposition:
    """Return the mixture of two decompositions, with a share of the other one for each level."""
    return one.scale([1 - share for share in shares]).add(other.scale(shares))


def _convert_like(stack: ImageStack, other: ImageStack) -> ImageStack:
    """Return the other stack with the levels, colour space and batch of the first, or raise an error."""
    mine, theirs = stack.spec, other.spec
    if (mine.width, mine.height, mine.margin) != (theirs.width, theirs.height, theirs.margin):
        sizes = [f"{spec.width} x {spec.height} with a margin of {spec.margin}" for spec in (mine, theirs)]
        raise ValueError(f"a stack of {sizes[0]} does not blend with one of {sizes[1]}: make both of one size")
    if other.batch not in (1, stack.batch):
        raise ValueError(
            f"{stack.batch} images do not blend with {other.batch}: the other stack needs 1"
            f"{'' if stack.batch == 1 else f' or {stack.batch}'}"
        )
    if replace(mine, frozen=()) == replace(theirs, frozen=()) and other.batch == stack.batch:
        return other

    def convert(canvas: Tensor) -> Tensor:
        if mine.color != theirs.color:
            canvas = from_rgb(to_rgb(canvas, theirs.color), mine.color)
        return canvas.expand_as(stack.canvas)

    return replace(
        other,
        spec=mine,
        start=convert(other.start),
        canvas=convert(other.canvas),
        parameters=None,
        optimizer_state=None,
    )
