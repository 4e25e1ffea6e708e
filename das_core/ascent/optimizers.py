"""How a gradient moves a stack. An optimizer is a frozen setting; what it remembers travels in the stack."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from ..common.masks import mean_square
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.state import LevelTensors, OptimizerState
from .pace import Pace


class Optimizer(Protocol):
    """Moves a stack up a gradient."""

    @property
    def kind(self) -> str:
        """Its name in settings; what it remembers is of use to its own kind only."""
        ...

    @property
    def needs_levels(self) -> bool:
        """Whether it works on the levels as tensors (`LevelTensors`)."""
        ...

    @property
    def coarse_share(self) -> float:
        """Share of the steps, 0..1, during which the ascent goes from coarse to fine; 0 for none."""
        ...

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator[Any], pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step: its canvas, parameters and optimizer state.

        Args:
            stack: what climbs.
            gradient: that of the score at the canvas, (B, 3, H, W).
            operator: the stack's.
            pace: the moment of the ascent.
            mask: where the canvas may be seen to move, (B, 1, H, W), 0..1; None for everywhere.
        """
        ...


@dataclass(frozen=True)
class NormalizedAscent:
    """Steps of equal size, from coarse to fine: K times the gradient, scaled to unit RMS for every image and channel.

    Args:
        step_size: how far the canvas moves a step (RMS, before the tanh): below 0.02 it stays grey, above 0.15 it turns
            harsh. Under a mask the RMS is that of what lies under it.
        momentum: averages over steps; 0 for none, below 1.
        coarse_to_fine: the share of the steps, 0..1, during which K is low-passed with a cutoff that rises from large
            shapes to the finest detail.

    Raises:
        ValueError: a setting is out of range.
    """

    step_size: float = 0.06
    momentum: float = 0.0
    coarse_to_fine: float = 0.6
    kind: str = field(default="ascent", init=False)
    needs_levels: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        _check_positive("step_size", self.step_size)
        _check_momentum(self.momentum)
        if not 0 <= self.coarse_to_fine <= 1:
            raise ValueError(f"coarse_to_fine {self.coarse_to_fine} is not a share of the steps between 0 and 1")

    @property
    def coarse_share(self) -> float:
        """Share of the steps that go from coarse to fine."""
        return self.coarse_to_fine

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator[Any], pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step of `step_size`; see `Optimizer.step`."""
        direction = operator.precondition(gradient, pace.cutoff(min(operator.canvas)))
        size = mean_square(direction, mask).sqrt()
        # A channel that no objective cares about (a grey judge's colours) has no direction and stays where it is.
        direction = direction / size.clamp(min=torch.finfo(size.dtype).tiny)
        state = None
        if self.momentum:
            old = _recall_state(stack, self.kind, [direction.shape])
            if old is not None:
                direction = direction.lerp(old.tensors[0], self.momentum)
            state = OptimizerState(self.kind, (direction,))
        canvas = stack.canvas.add(direction, alpha=self.step_size * pace.rate)
        return replace(stack, canvas=canvas, parameters=None, optimizer_state=state)


@dataclass(frozen=True)
class SGD:
    """The reference: plain gradient ascent on all levels (arXiv 2502.07753).

    Args:
        learning_rate: what the gradient is multiplied by, above 0.
        momentum: the share of the last step's velocity that is kept; 0 for none, below 1.

    Raises:
        ValueError: a setting is out of range.
    """

    learning_rate: float = 0.005
    momentum: float = 0.0
    coarse_share: float = field(default=0.0, init=False)
    kind: str = field(default="sgd", init=False)
    needs_levels: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        _check_positive("learning_rate", self.learning_rate)
        _check_momentum(self.momentum)

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator[Any], pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack with parameters + learning_rate * v, v = momentum * v + gradient; see `Optimizer.step`."""
        velocity = operator.adjoint(gradient)
        state = None
        if self.momentum:
            old = _recall_state(stack, self.kind, [tensor.shape for tensor in velocity.tensors])
            if old is not None:
                velocity = velocity.add(replace(velocity, tensors=old.tensors), alpha=self.momentum)
            state = OptimizerState(self.kind, velocity.tensors)
        rate = self.learning_rate * pace.rate
        if stack.parameters is None:
            canvas = stack.canvas.add(operator.forward(velocity), alpha=rate)
            return replace(stack, canvas=canvas, optimizer_state=state)
        parameters = stack.parameters.add(velocity, alpha=rate)
        canvas = stack.start + operator.forward(parameters)
        return replace(stack, canvas=canvas, parameters=parameters, optimizer_state=state)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015) on the levels as tensors, as imstack (Whitaker, 2021) does it.

    It takes away the stack's own preference for coarse levels: expect finer, noisier pictures than from the others.

    Args:
        learning_rate: how far each value of each level moves a step, above 0.
        betas: how slowly the means of the gradient and of its square follow.
        epsilon: added to the root of the mean square.

    Raises:
        ValueError: learning_rate is not above 0.
    """

    learning_rate: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    coarse_share: float = field(default=0.0, init=False)
    kind: str = field(default="adam", init=False)
    needs_levels: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        _check_positive("learning_rate", self.learning_rate)

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator[Any], pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack after one step of Adam, bias corrected; see `Optimizer.step`."""
        assert isinstance(stack.parameters, LevelTensors)
        gradients = operator.adjoint(gradient).tensors
        old = _recall_state(stack, self.kind, [g.shape for g in gradients] * 2)
        if old is None:
            old = OptimizerState(self.kind, tuple(torch.zeros_like(g) for g in gradients) * 2)
        steps = old.steps + 1
        means, squares = old.tensors[: len(gradients)], old.tensors[len(gradients) :]
        fade, fade_square = self.betas
        means = tuple(g.lerp(mean, fade) for g, mean in zip(gradients, means, strict=True))
        squares = tuple(g.square().lerp(square, fade_square) for g, square in zip(gradients, squares, strict=True))
        rate = self.learning_rate * pace.rate / (1 - fade**steps)
        correction = 1 - fade_square**steps
        levels = LevelTensors(
            tuple(
                level + rate * mean / ((square / correction).sqrt() + self.epsilon)
                for level, mean, square in zip(stack.parameters.tensors, means, squares, strict=True)
            )
        )
        canvas = stack.start + operator.forward(levels)
        state = OptimizerState(self.kind, means + squares, steps)
        return replace(stack, canvas=canvas, parameters=levels, optimizer_state=state)


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} {value} must be above 0")


def _check_momentum(value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"momentum {value} is not between 0 (none) and 1 (excluded); 0.9 is strong")


def _recall_state(stack: ImageStack, kind: str, shapes: list[torch.Size]) -> OptimizerState | None:
    """Return what the last step left; None at the first one, or where an optimizer of another kind was at work."""
    old = stack.optimizer_state
    return old if old is not None and old.kind == kind and [t.shape for t in old.tensors] == shapes else None
