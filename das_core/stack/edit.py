"""A stack edited by its levels: bands of resolutions weakened, taken back, frozen, or mixed with another stack's.

The stack is what imstack (Whitaker, 2021) lets one edit by hand: each level a layer of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from .bands import FINEST, Band, select_levels
from .color import from_rgb, to_rgb
from .decomposition import Decomposition, decompose_change, decompose_start
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
    """A stack that shows the edited picture, and climbs on from it.

    First the bands `blend_bands` (all, if there are none) go toward `other` by the factor `blend`, 0..1; then the bands
    `reset` lose what ascents have added to them; then every band is scaled by its gain, overlapping ones by both. The
    bands `freeze` stay as they are in later ascents, and none else does. What is finer than the finest level goes with
    it. What the optimizer remembered is of the picture before, and is dropped.
    """
    levels = stack.spec.resolutions
    start, added = decompose_start(stack), decompose_change(stack)
    if other is not None:
        if not 0 <= blend <= 1:
            raise ValueError(f"blend {blend} is not between 0 (this stack) and 1 (the other one)")
        other = _convert_like(stack, other)
        shares = [blend * chosen for chosen in select_levels(blend_bands or [_EVERYTHING], levels)]
        start, added = _blend(start, decompose_start(other), shares), _blend(added, decompose_change(other), shares)
    added = added.scale([float(not gone) for gone in select_levels(reset, levels)])
    factors = [1.0] * len(levels)
    for band, gain in gains:
        factors = [f * gain if chosen else f for f, chosen in zip(factors, select_levels([band], levels), strict=True)]
    start, added = start.scale(factors), added.scale(factors)
    begin = start.canvas()
    select_levels(freeze, levels)
    spec = replace(stack.spec, frozen=tuple(freeze))
    return replace(stack, spec=spec, start=begin, canvas=begin + added.canvas(), parameters=None, optimizer_state=None)


def _blend(one: Decomposition, other: Decomposition, shares: Sequence[float]) -> Decomposition:
    return one.scale([1 - share for share in shares]).add(other.scale(shares))


def _convert_like(stack: ImageStack, other: ImageStack) -> ImageStack:
    """The other stack with the levels, colours and batch of the first."""
    mine, theirs = stack.spec, other.spec
    if (mine.width, mine.height, mine.margin) != (theirs.width, theirs.height, theirs.margin):
        sizes = [f"{spec.width} x {spec.height} with a margin of {spec.margin}" for spec in (mine, theirs)]
        raise ValueError(f"a stack of {sizes[0]} does not blend with one of {sizes[1]}: make both of one size")
    if other.batch not in (1, stack.batch):
        raise ValueError(
            f"{stack.batch} images do not blend with {other.batch}: the other stack needs 1 or {stack.batch}"
        )
    if replace(mine, frozen=()) == replace(theirs, frozen=()) and other.batch == stack.batch:
        return other

    def alike(canvas: Tensor) -> Tensor:
        if mine.color != theirs.color:
            canvas = from_rgb(to_rgb(canvas, theirs.color), mine.color)
        return canvas.expand_as(stack.canvas)

    return replace(
        other, spec=mine, start=alike(other.start), canvas=alike(other.canvas), parameters=None, optimizer_state=None
    )
