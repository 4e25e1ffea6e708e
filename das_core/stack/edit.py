"""Edits a stack by its levels: bands of resolutions are scaled, reset, frozen, or mixed with those of another stack.

The idea of editing a picture that is a sum of images, one for each resolution, comes from imstack (Whitaker, 2021).
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
    resolutions from `low` to `high`, both included. Detail that is finer than the finest level is edited together with
    that level. The parameters and the state of the optimizer belong to the picture before the edits and are dropped.

    Args:
        stack: the stack to edit. It is not modified.
        gains: bands and the factors that their levels are multiplied by. 0 removes a band, -1 turns it into its
            negative. A level in several of the bands is multiplied by all their factors.
        reset: bands from which everything is removed that ascents have added since `stack.start` (see `ImageStack`).
        freeze: bands that later ascents leave as they are. They replace the bands that were frozen before: if none are
            given, no band is frozen afterwards.
        other: a stack with the same size and margin to mix in, with one image or as many as `stack`. Its levels and
            colour space may differ from those of `stack`.
        blend: the share of `other`, 0..1: 0 gives `stack` alone, 1 gives `other` alone.
        blend_bands: the bands that are mixed; if it is empty, all levels.

    Returns:
        A stack with the spec of `stack`, except for the frozen bands.

    Raises:
        ValueError: when a band contains no level (`EmptyBandError`); the frozen bands leave nothing that could move;
            `blend` is not between 0 and 1; `other` has another size or margin, or neither one image nor as many as
            `stack`; or the factors are so large that the new canvas is not finite.

    Example:
        >>> from das_core import ImageStack, StackSpec, edit_stack
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)), decay=1)
        >>> smooth = edit_stack(stack, gains=[((48, 48), 0.0)])
        >>> [round(float(edited.image().diff().abs().mean()), 2) for edited in (stack, smooth)]
        [0.2, 0.03]
    """
    levels = stack.spec.levels
    if not stack.steps:
        # A new stack may be paler than its start, see `ImageStack.from_image`. No ascent has added this difference.
        stack = replace(stack, start=stack.canvas)
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
    # Called only because it raises an error if a band contains no level.
    select_levels(freeze, levels)
    spec = replace(stack.spec, frozen=tuple(freeze))
    return replace_canvas(replace(stack, spec=spec), begin, begin + change.canvas())


def replace_canvas(stack: ImageStack, start: Tensor, canvas: Tensor) -> ImageStack:
    """Return a stack with another start and canvas after an edit, without parameters and optimizer state.

    Args:
        stack: the stack before the edit.
        start: the start after the edit, (B, 3, H, W).
        canvas: the canvas after the edit, (B, 3, H, W).

    Raises:
        ValueError: when the start or the canvas has values that are not finite.
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
    # `decompose` holds four sets of levels. An edit holds two more, or six more if another stack is mixed in.
    return estimate_decomposition_bytes(stack) + (2 if other is None else 6) * levels


def _blend(one: Decomposition, other: Decomposition, shares: Sequence[float]) -> Decomposition:
    """Return a mixture of two decompositions; `shares` has the share of `other` for each level."""
    return one.scale([1 - share for share in shares]).add(other.scale(shares))


def _convert_like(stack: ImageStack, other: ImageStack) -> ImageStack:
    """Return the pictures of `other` as a stack with the spec and the number of images of `stack`.

    Raises:
        ValueError: when the two differ in size or margin, or `other` has neither one image nor as many as `stack`.
    """
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
        # Nothing to convert. `other` keeps its parameters, from which its levels can be read.
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
