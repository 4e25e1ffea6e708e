"""A stack edited by its levels: bands of resolutions weakened, taken back, frozen, or mixed with another stack's.

The stack is what imstack (Whitaker, 2021) lets one edit by hand: each level a layer of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from .bands import FINEST, Band, levels_in
from .color import from_rgb, to_rgb
from .parts import Parts, begun, moved
from .stack import ImageStack

_EVERYTHING: Band = (1, FINEST)


def edited(
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
    start, added = begun(stack), moved(stack)
    if other is not None:
        if not 0 <= blend <= 1:
            raise ValueError(f"blend {blend} is not between 0 (this stack) and 1 (the other one)")
        other = _alike(stack, other)
        shares = [blend * chosen for chosen in levels_in(blend_bands or [_EVERYTHING], levels)]
        start, added = _mixed(start, begun(other), shares), _mixed(added, moved(other), shares)
    added = added.scaled([float(not gone) for gone in levels_in(reset, levels)])
    factors = [1.0] * len(levels)
    for band, gain in gains:
        factors = [f * gain if chosen else f for f, chosen in zip(factors, levels_in([band], levels), strict=True)]
    start, added = start.scaled(factors), added.scaled(factors)
    begin = start.canvas()
    levels_in(freeze, levels)
    spec = replace(stack.spec, frozen=tuple(freeze))
    return replace(stack, spec=spec, start=begin, canvas=begin + added.canvas(), drive=None, momentum=None)


def _mixed(one: Parts, other: Parts, shares: Sequence[float]) -> Parts:
    return one.scaled([1 - share for share in shares]).plus(other.scaled(shares))


def _alike(stack: ImageStack, other: ImageStack) -> ImageStack:
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

    return replace(other, spec=mine, start=alike(other.start), canvas=alike(other.canvas), drive=None, momentum=None)
