"""Plain gradient ascent on all levels of a stack, the optimizer of Direct Ascent Synthesis."""

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from ..common.scalars import check_number
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from .optimizers import LARGEST, STRONGEST, Optimizer
from .pace import Pace


@dataclass(frozen=True)
class SGD(Optimizer):
    """Plain gradient ascent on all levels, as in Direct Ascent Synthesis (arXiv 2502.07753).

    Args:
        learning_rate: what the gradient is multiplied by, above 0. It depends on the scale of the score: 0.005 to 0.05
            for the logit of a classifier on the default levels, about 100 for a `prior` alone.
        momentum: what the last velocity is multiplied by before the gradient is added, 0 (none) to below 1.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> optimizer = da.ascent.SGD(learning_rate=100)
        >>> history = da.Ascent(stack, [da.prior("total_variation")], steps=3, optimizer=optimizer).run().history
        >>> [round(record.scores["total variation"], 3) for record in history]
        [-0.019, -0.014, -0.011]
    """

    learning_rate: float = 0.005
    momentum: float = 0.0
    kind: ClassVar[str] = "sgd"

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, 0, LARGEST, "0.005 suits a logit", above=True)
        check_number("momentum", self.momentum, 0, STRONGEST, "0.9 is strong")

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator, pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after v = momentum * v + gradient and canvas += rate * K v; see `Optimizer.step`."""
        velocity, state = gradient.float(), None
        if self.momentum:
            old = self.recall(stack, [velocity.shape])
            if old is not None:
                velocity = velocity.add(old.tensors[0], alpha=self.momentum)
            state = self.remember(velocity)
        canvas = stack.canvas.add(operator.precondition(velocity), alpha=self.learning_rate * pace.rate)
        return replace(stack, canvas=canvas, optimizer_state=state)
