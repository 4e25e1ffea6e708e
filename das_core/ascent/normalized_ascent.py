"""The optimizer of all recipes: gradient ascent along K times the gradient, with steps of a given size."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..common.masks import mean_square
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.state import OptimizerState
from .optimizers import Optimizer, check_momentum, check_positive, recall_state
from .pace import Pace

STEEPEST_TILT = 4.0
"""The largest tilt. For the default levels, K falls with the frequency f: as about 1 / f without a tilt, and as about 1
/ f^5 at the first step with a tilt of 4."""


@dataclass(frozen=True)
class NormalizedAscent(Optimizer):
    """Gradient ascent whose step size does not depend on the norm of the gradient; it works from coarse to fine.

    The direction of a step is K times the gradient, scaled to RMS 1 in every image and channel. In a film the RMS of a
    channel is taken over all frames, so frames with a larger gradient move farther. K, the operator of the stack
    (`stack.StackOperator`), preconditions the gradient. The canvas moves by `step_size` times `Pace.rate` times the
    direction. The schedule `cosine` lowers the rate after the coarse part (`pace_at`).

    Args:
        step_size: how far one step changes the canvas (before the tanh), as the root mean square (RMS) of the change,
            at a rate of 1 (`Pace.rate`) and without momentum. It must be above 0. Below 0.03 the picture stays grey,
            above 0.3 it turns harsh. 0.13 suits 60 steps with a tilt and a denoiser, 0.08 suits 60 steps without them.
            With fewer steps, a larger step size is needed. With a mask, the RMS is taken over the pixels under the
            mask.
        momentum: the weight of earlier directions in a moving average of the direction, 0 (none) to below 1. The
            average is not scaled to RMS 1 again: where directions differ from step to step, the steps become smaller.
        coarse_to_fine: the share of the steps, 0..1, during which K is low-passed. The cutoff rises from step to step,
            so that the first changes are large shapes and the last ones have the finest detail (`Pace.cutoff`).
        tilt: an exponent that makes K weaken high frequencies f more, 0 to 4: K is multiplied by f^-tilt at the first
            step, and by f^(-0.3 tilt) at the last. With 0, K is that of the stack, about 1 / f, and pictures look
            engraved; with 0.4 they look painted; with 2 they are blurred. The tilt changes over an ascent, and so do
            the cutoff of the coarse part and the rate of the schedule `cosine`. So two ascents one after the other give
            another picture than one ascent with the steps of both.

    Raises:
        ValueError: when a setting is out of range.

    Example:
        >>> from das_core import Ascent, ImageStack, NormalizedAscent, prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> optimizer = NormalizedAscent(step_size=0.05)
        >>> after = Ascent(stack, [prior("total_variation")], steps=1, optimizer=optimizer).run().stack
        >>> (after.canvas - stack.canvas).square().mean(dim=(2, 3)).sqrt()
        tensor([[0.0500, 0.0500, 0.0500]])
    """

    step_size: float = 0.13
    momentum: float = 0.3
    coarse_to_fine: float = 0.6
    tilt: float = 0.4
    kind: ClassVar[str] = "ascent"
    level_sets: ClassVar[int] = 1
    denoised: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_momentum(self.momentum)
        if not 0 <= self.coarse_to_fine <= 1:
            raise ValueError(f"coarse_to_fine {self.coarse_to_fine} is not a share of the steps between 0 and 1")
        if not 0 <= self.tilt <= STEEPEST_TILT:
            raise ValueError(
                f"tilt {self.tilt} is not between 0 (as the levels have it) and {STEEPEST_TILT:g} (blurred)"
            )

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
    ) -> ImageStack:
        """Return the stack after one step along K times the gradient, scaled to RMS 1; see `Optimizer.step`."""
        direction = operator.precondition(gradient, pace.cutoff(min(operator.canvas)), pace.tilt)
        size = mean_square(direction, mask, as_one=stack.spec.time is not None).sqrt()
        # A channel without a gradient, such as a colour that the judge does not see, does not change.
        direction = direction.div_(size.clamp(min=torch.finfo(size.dtype).tiny))
        state = None
        if self.momentum:
            old = recall_state(stack, self.kind, [direction.shape])
            if old is not None:
                direction = direction.lerp(old.tensors[0], self.momentum)
            state = OptimizerState(self.kind, (direction,))
        # The canvas is written into the memory of the direction, unless the state keeps the direction. Allocating new
        # memory for many frames would take long.
        room = direction if state is None else None
        canvas = torch.add(stack.canvas, direction, alpha=self.step_size * pace.rate, out=room)
        return replace(stack, canvas=canvas, parameters=None, optimizer_state=state)
