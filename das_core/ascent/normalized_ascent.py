"""The optimizer of all recipes: gradient ascent along K times the gradient, with steps of a given size."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ..common.masks import mean_square
from ..common.scalars import check_number
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from .optimizers import LARGEST, Optimizer
from .pace import Pace

STEEPEST_TILT = 4.0  # With it, K falls as about 1 / f^5 at the first step; without a tilt as about 1 / f.


@dataclass(frozen=True)
class NormalizedAscent(Optimizer):
    """Gradient ascent whose step size does not depend on the norm of the gradient; it works from coarse to fine.

    The direction of a step is K times the gradient, scaled to RMS 1 in every channel of an image or a film.

    Args:
        step_size: the RMS of the change of the canvas (before the tanh, under the mask) in a step, above 0. Below 0.03
            the picture stays grey, above 0.3 it turns harsh. 0.13 suits 60 steps with a tilt and a denoiser, 0.08 suits
            60 steps without them; fewer steps need larger ones.
        coarse_to_fine: the share of the steps, 0..1, during which K is low-passed, so that the first changes are large
            shapes and the last ones have the finest detail.
        tilt: an exponent, 0 to 4: K is multiplied by f^-tilt at the frequency f at the first step, and by f^(-0.3 tilt)
            at the last. With 0 pictures look engraved, with 0.4 painted, with 2 blurred.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> optimizer = da.ascent.NormalizedAscent(step_size=0.05)
        >>> after = da.Ascent(stack, [da.prior("total_variation")], steps=1, optimizer=optimizer).run().stack
        >>> (after.canvas - stack.canvas).square().mean(dim=(2, 3)).sqrt()
        tensor([[0.0500, 0.0500, 0.0500]])
    """

    step_size: float = 0.13
    coarse_to_fine: float = 0.6
    tilt: float = 0.4
    kind: ClassVar[str] = "ascent"
    denoised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, 0, LARGEST, "0.13 suits 60 steps", above=True)
        check_number("coarse_to_fine", self.coarse_to_fine, 0, 1, "it is a share of the steps")
        check_number("tilt", self.tilt, 0, STEEPEST_TILT, "0 is engraved, 0.4 painted, 2 blurred")

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator, pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step along K times the gradient, scaled to RMS 1; see `Optimizer.step`."""
        direction = operator.precondition(gradient, pace.cutoff(min(operator.canvas)), pace.tilt)
        size = mean_square(direction, mask, as_one=stack.spec.time is not None).sqrt()
        # A channel without a gradient, such as a colour that the judge does not see, does not change.
        direction = direction.div_(size.clamp(min=torch.finfo(size.dtype).tiny))
        # The canvas takes the memory of the direction: allocating many frames takes long.
        canvas = torch.add(stack.canvas, direction, alpha=self.step_size * pace.rate, out=direction)
        return replace(stack, canvas=canvas, optimizer_state=None)
