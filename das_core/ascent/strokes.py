"""An optimizer that draws: the picture is a number of strokes of a brush, and a step moves the strokes."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..common.devices import make_constant
from ..common.scalars import check_number
from ..looks.look import measure_scale
from ..looks.strokes import STROKES, VALUES, draw_strokes, scatter_strokes
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.pixels import invert_pixels, render_pixels
from ..stack.spec import StackSpec
from ..stack.state import OptimizerState
from .optimizers import Optimizer
from .pace import Pace

_FADE, _FADE_SQUARE = 0.9, 0.99
_WINDOW, _REACH = 64.0, 30.0  # The side of the square in which a stroke lies, and its length, in pixels of 224.
_RATES = (*(2.5,) * 6, 0.04, *(0.15,) * 4)  # Of the points in pixels of 224, of width, colour and opacity.
_NARROWEST, _BROADEST = math.log(0.2), math.log(2.5)  # Of widths, relative to the usual one.
_MOST = 4.0  # The largest logit of a colour or an opacity.


@dataclass(frozen=True)
class Strokes(Optimizer):
    """Adam (Kingma and Ba, 2015) on the strokes of a drawing, as in CLIPDraw (Frans, Soros and Witkowski, 2021).

    The first step lays strokes on paper, at random, in colours of the picture that the stack starts from. Every other
    step moves, bends, widens and colours them. The canvas shows nothing else: levels and denoisers have no part in it.

    Args:
        strokes: how many there are, 1 to 1,000; 40 make a sign, 160 a drawing, 600 a painting.
        width: of a middling stroke, in pixels of a picture of 224, 1 to 20; the broadest begins 2.5 times as wide.

    Example:
        >>> from das_core import Ascent, ImageStack, StackSpec, Strokes, class_objective, load_starter
        >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=8))
        >>> jellyfish = class_objective(load_starter(), "jellyfish")
        >>> drawing = Ascent(stack, [jellyfish], steps=2, optimizer=Strokes(8), focus=None).run().stack
        >>> drawing.optimizer_state.tensors[0].shape
        torch.Size([1, 8, 11])
    """

    strokes: int = 160
    width: float = 7.0
    kind: ClassVar[str] = STROKES
    draws: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("strokes", self.strokes, 1, 1000, "160 make a drawing", whole=True)
        check_number("width", self.width, 1, 20, "7 is a brush, 2 a pen")

    def check(self, spec: StackSpec) -> None:
        """Raise a ValueError when strokes cannot make the pictures of a spec: films, zooms and tiles."""
        if spec.series is not None or spec.tile:
            what = "tile, at whose edges strokes would end" if spec.tile else f"{spec.series[1]}"  # type: ignore[index]
            raise ValueError(f"strokes draw single pictures, and no {what}; choose the optimizer 'ascent'")

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator, pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step of Adam on its strokes; see `Optimizer.step`."""
        height, width = stack.spec.canvas
        scale = measure_scale(stack.canvas, stack.spec.margin)
        window = 2 * max(8, round(max(_WINDOW, 5 * self.width) * scale / 2))
        old = self.recall(stack, [torch.Size((stack.batch, self.strokes, VALUES))] * 3)
        if old is None:
            shown = render_pixels(stack.canvas, stack.spec.color)
            sizes = self.strokes, self.width * scale, _REACH * scale
            laid = torch.stack([scatter_strokes(image, *sizes, number) for number, image in enumerate(shown)])
            state = self.remember(laid, torch.zeros_like(laid), torch.zeros_like(laid))
        else:
            state = self._move(stack, gradient, old, pace, window, scale)
        drawn = torch.stack([draw_strokes(each, height, width, window) for each in state.tensors[0]])
        return replace(stack, canvas=invert_pixels(drawn, stack.spec.color), optimizer_state=state)

    def _move(
        self, stack: ImageStack, gradient: Tensor, old: OptimizerState, pace: Pace, window: int, scale: float
    ) -> OptimizerState:
        """Return strokes and running means after a step along a gradient at the canvas, (B, 3, H, W)."""
        strokes, means, squares = old.tensors
        height, width = stack.spec.canvas
        with torch.enable_grad():
            moving = strokes.detach().clone().requires_grad_()
            drawn = torch.stack([draw_strokes(each, height, width, window) for each in moving])
            (slope,) = torch.autograd.grad(invert_pixels(drawn, stack.spec.color), moving, gradient.float())
        steps = old.steps + 1
        means, squares = slope.lerp(means, _FADE), slope.square().lerp(squares, _FADE_SQUARE)
        direction = means / (1 - _FADE**steps) / ((squares / (1 - _FADE_SQUARE**steps)).sqrt() + 1e-12)
        rates = tuple(rate * scale for rate in _RATES[:6]) + _RATES[6:]
        moved = strokes + pace.rate * make_constant(rates, strokes.dtype, strokes.device) * direction
        points, thick, logits = moved.split((6, 1, 4), dim=-1)
        points = points.unflatten(-1, (3, 2))
        edge = make_constant((float(width), float(height)), points.dtype, points.device)
        middle = points.mean(dim=-2, keepdim=True).clamp(min=0).minimum(edge)
        usual = math.log(self.width * scale)
        thick = thick.clamp(usual + _NARROWEST, usual + _BROADEST)
        # Within its window, or parts of a long stroke would not be drawn.
        reach = ((window - thick.exp()) / 2 - 2)[..., None].clamp(min=1)
        points = middle + (points - middle).maximum(-reach).minimum(reach)
        strokes = torch.cat([points.flatten(-2), thick, logits.clamp(-_MOST, _MOST)], dim=-1)
        return self.remember(strokes, means, squares, steps=steps)
