"""Steepest ascent in the pixels: the steps of an attack within a bound."""

from dataclasses import dataclass, replace
from typing import ClassVar, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.scalars import check_number
from ..stack.image_stack import ImageStack, move_canvas
from ..stack.linear_operator import StackOperator
from ..stack.pixels import invert_pixels, lift_gradient, render_pixels
from ..stack.spec import StackSpec
from .optimizers import LARGEST, STRONGEST, Optimizer
from .pace import Pace
from .within import Norm


@dataclass(frozen=True)
class SteepestAscent(Optimizer):
    """The steps of projected gradient descent (PGD; Madry et al., ICLR 2018), with momentum; `Within` projects them.

    It moves pixels, whatever the levels of the stack: under `linf` each by the step size along the sign of its
    gradient, under `l2` all of an image together, along the gradient, by the step size.

    Args:
        step_size: how far a step leads in pixel values (0..1), measured by the norm, above 0.
        norm: that of the bound, see `Within`.
        momentum: what the sum of earlier gradients, each divided by the mean of its absolute values, is multiplied by
            before one is added (Dong et al., CVPR 2018), 0 (none) to below 1.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> optimizer = da.ascent.SteepestAscent(2 / 255)
        >>> after = da.Ascent(stack, [da.prior("total_variation")], steps=1, optimizer=optimizer).run().stack
        >>> round(255 * float((after.image() - stack.image()).abs().max()), 2)
        2.0
    """

    step_size: float = 1.6 / 255
    norm: Norm = "linf"
    momentum: float = 0.5
    kind: ClassVar[str] = "steepest"

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, 0, LARGEST, "1.6/255 suits 20 steps within 8/255", above=True)
        check_choice("norm", self.norm, get_args(Norm))
        check_number("momentum", self.momentum, 0, STRONGEST, "0.9 is strong")

    def check(self, spec: StackSpec) -> None:
        """Raise a ValueError when the stack has a parametrisation whose values are not the pixels."""
        if spec.parametrization not in ("pyramid", "pixels"):
            raise ValueError(
                f"SteepestAscent, the optimizer of an attack, moves pixels and not '{spec.parametrization}'; leave "
                "parametrization out, or name a recipe, such as 'feature'"
            )

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator, pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step of its pixels; see `Optimizer.step`."""
        shown, tiny = render_pixels(stack.canvas, stack.spec.color), torch.finfo(torch.float32).tiny
        velocity = lift_gradient(gradient.float(), shown, stack.spec.color)
        velocity = velocity / velocity.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=tiny)
        state = None
        if self.momentum:
            if (old := self.recall(stack, [velocity.shape])) is not None:
                velocity = velocity.add(old.tensors[0], alpha=self.momentum)
            state = self.remember(velocity)
        direction = velocity.sign()
        if self.norm == "l2":
            direction = velocity / velocity.square().sum(dim=(1, 2, 3), keepdim=True).sqrt().clamp(min=tiny)
        canvas = invert_pixels(shown.add(direction, alpha=self.step_size * pace.rate), stack.spec.color)
        # Pixels that do not move keep their bits.
        canvas = torch.where(direction.any(dim=1, keepdim=True), canvas, stack.canvas)
        return replace(move_canvas(stack, canvas, operator), optimizer_state=state)
