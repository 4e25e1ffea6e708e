"""A stack taken apart into its levels and what no level shows, and put together again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .operator import LayersOperator, Parameters
from .stack import ImageStack


@dataclass(frozen=True)
class Parts:
    """A canvas (B, 3, H, W) as levels (B, 3, h_r, w_r), coarse to fine, and the rest that is beyond the finest.

    Resized, times gain and summed the levels give the canvas less the rest.
    """

    levels: Parameters
    rest: Tensor
    operator: LayersOperator

    @classmethod
    def of(cls, stack: ImageStack, levels: Parameters, canvas: Tensor) -> "Parts":
        """The parts of a canvas, some levels of which are known."""
        operator = replace(stack.spec, frozen=()).operator(canvas.device, "layers")
        assert isinstance(operator, LayersOperator)
        return cls(levels, canvas - operator.push(levels), operator)

    def canvas(self) -> Tensor:
        """All of it together (B, 3, H, W)."""
        return self.operator.push(self.levels) + self.rest

    def shown(self, numbers: Sequence[int]) -> Tensor:
        """The canvas (B, 3, H, W) of some of the levels; the rest goes with the finest."""
        canvas = torch.zeros_like(self.rest)
        for number in numbers:
            canvas += self.operator.shown(number, self.levels[number])
        return canvas + self.rest if len(self.levels) - 1 in numbers else canvas

    def plus(self, other: "Parts") -> "Parts":
        """The parts of the sum of two canvases."""
        levels = tuple(one + more for one, more in zip(self.levels, other.levels, strict=True))
        return replace(self, levels=levels, rest=self.rest + other.rest)

    def scaled(self, factors: Sequence[float]) -> "Parts":
        """Every level by its factor; the rest by that of the finest."""
        levels = tuple(factor * level for factor, level in zip(factors, self.levels, strict=True))
        return replace(self, levels=levels, rest=factors[-1] * self.rest)


def begun(stack: ImageStack) -> Parts:
    """What a stack started from, in parts."""
    if not bool(stack.start.any()):
        return Parts.of(stack, tuple(0 * level for level in stack.levels()), stack.start)
    start = ImageStack.at(stack.spec, stack.start)
    return Parts.of(stack, start.levels(with_start=True), stack.start)


def moved(stack: ImageStack) -> Parts:
    """What ascents have added to it, in parts."""
    return Parts.of(stack, stack.levels(), stack.canvas - stack.start)


def parts(stack: ImageStack) -> Parts:
    """All of a stack, in parts."""
    return begun(stack).plus(moved(stack))
