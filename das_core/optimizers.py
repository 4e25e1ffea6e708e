"""How a gradient moves a stack. Each optimizer is a frozen setting; what it remembers travels in a `State`."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from .masks import mean_square
from .operator import Operator, Parameters
from .schedule import Pace


@dataclass(frozen=True)
class Momentum:
    """What an optimizer of this `kind` carries from step to step."""

    kind: str
    tensors: Parameters
    steps: int = 0

    def to(self, device: torch.device) -> "Momentum":
        """The same on another device."""
        return replace(self, tensors=tuple(tensor.to(device) for tensor in self.tensors))


@dataclass(frozen=True)
class State:
    """What an ascent moves: canvas = start + push(parameters) as long as the parameters are known."""

    start: Tensor
    canvas: Tensor
    parameters: Parameters | None
    momentum: Momentum | None = None
    mask: Tensor | None = None
    """Where the canvas may be seen to move (B, 1, H, W), 0..1; None for everywhere."""


class Optimizer(Protocol):
    """Moves a stack up a gradient."""

    @property
    def kind(self) -> str:
        """Its name in settings; what it remembers is of use to its own kind only."""
        ...

    @property
    def needs_layers(self) -> bool:
        """Whether it works on explicit levels."""
        ...

    @property
    def coarse(self) -> float:
        """Share of the steps, 0..1, during which the ascent goes from coarse to fine; 0 for none."""
        ...

    def step(self, state: State, gradient: Tensor, operator: Operator, pace: Pace) -> State:
        """The state after one step up `gradient`, the gradient of the score at the canvas (B, 3, H, W)."""
        ...


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} {value} must be above 0")


def _momentum(value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"momentum {value} is not between 0 (none) and 1 (excluded); 0.9 is strong")


def _remembered(state: State, kind: str, shapes: list[torch.Size]) -> Momentum | None:
    """What the last step left; None at the first one, or where an optimizer of another kind was at work."""
    old = state.momentum
    return old if old is not None and old.kind == kind and [t.shape for t in old.tensors] == shapes else None


@dataclass(frozen=True)
class UnitAscent:
    """The recipe: K times the gradient, scaled to unit RMS for every image and channel, coarse to fine.

    `step_size` is how far the canvas moves a step (RMS, before the tanh): below 0.02 it stays grey, above 0.15 it
    turns harsh; under a mask the RMS is that of what lies under it. `momentum` averages over steps. During the share
    `coarse_to_fine` of the steps K is low-passed with a cutoff that rises from large shapes to the finest detail.
    """

    step_size: float = 0.06
    momentum: float = 0.0
    coarse_to_fine: float = 0.6
    kind: str = field(default="ascent", init=False)
    needs_layers: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        _positive("step_size", self.step_size)
        _momentum(self.momentum)
        if not 0 <= self.coarse_to_fine <= 1:
            raise ValueError(f"coarse_to_fine {self.coarse_to_fine} is not a share of the steps between 0 and 1")

    @property
    def coarse(self) -> float:
        """Share of the steps that go from coarse to fine."""
        return self.coarse_to_fine

    def step(self, state: State, gradient: Tensor, operator: Operator, pace: Pace) -> State:
        """One step of `step_size`."""
        direction = operator.apply(gradient, pace.cutoff(min(operator.canvas)))
        size = mean_square(direction, state.mask).sqrt()
        # A channel that no objective cares about (a grey judge's colours) has no direction and stays where it is.
        direction = direction / size.clamp(min=torch.finfo(size.dtype).tiny)
        momentum = None
        if self.momentum:
            old = _remembered(state, self.kind, [direction.shape])
            if old is not None:
                direction = direction.lerp(old.tensors[0], self.momentum)
            momentum = Momentum(self.kind, (direction,))
        canvas = state.canvas.add(direction, alpha=self.step_size * pace.rate)
        return replace(state, canvas=canvas, parameters=None, momentum=momentum)


@dataclass(frozen=True)
class SGD:
    """The reference: plain gradient ascent on all levels, with optional momentum (arXiv 2502.07753)."""

    learning_rate: float = 0.005
    momentum: float = 0.0
    coarse: float = field(default=0.0, init=False)
    kind: str = field(default="sgd", init=False)
    needs_layers: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        _positive("learning_rate", self.learning_rate)
        _momentum(self.momentum)

    def step(self, state: State, gradient: Tensor, operator: Operator, pace: Pace) -> State:
        """v = momentum * v + gradient; parameters += learning_rate * v."""
        velocity = operator.pull(gradient)
        momentum = None
        if self.momentum:
            old = _remembered(state, self.kind, [part.shape for part in velocity])
            if old is not None:
                pairs = zip(velocity, old.tensors, strict=True)
                velocity = tuple(new.add(before, alpha=self.momentum) for new, before in pairs)
            momentum = Momentum(self.kind, velocity)
        rate = self.learning_rate * pace.rate
        if state.parameters is None:
            canvas = state.canvas.add(operator.push(velocity), alpha=rate)
            return replace(state, canvas=canvas, parameters=None, momentum=momentum)
        parameters = tuple(p.add(v, alpha=rate) for p, v in zip(state.parameters, velocity, strict=True))
        canvas = state.start + operator.push(parameters)
        return replace(state, canvas=canvas, parameters=parameters, momentum=momentum)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015) on explicit levels, as imstack does it. Each level moves by `learning_rate` a step.

    It takes away the stack's own preference for coarse levels: expect finer, noisier pictures than from the others.
    """

    learning_rate: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    coarse: float = field(default=0.0, init=False)
    kind: str = field(default="adam", init=False)
    needs_layers: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        _positive("learning_rate", self.learning_rate)

    def step(self, state: State, gradient: Tensor, operator: Operator, pace: Pace) -> State:
        """One step of Adam, bias corrected."""
        assert state.parameters is not None
        gradients = operator.pull(gradient)
        old = _remembered(state, self.kind, [g.shape for g in gradients] * 2)
        if old is None:
            old = Momentum(self.kind, tuple(torch.zeros_like(g) for g in gradients) * 2)
        steps = old.steps + 1
        means, squares = old.tensors[: len(gradients)], old.tensors[len(gradients) :]
        fade, fade_square = self.betas
        means = tuple(g.lerp(mean, fade) for g, mean in zip(gradients, means, strict=True))
        squares = tuple(g.square().lerp(square, fade_square) for g, square in zip(gradients, squares, strict=True))
        rate = self.learning_rate * pace.rate / (1 - fade**steps)
        correction = 1 - fade_square**steps
        parameters = tuple(
            p + rate * mean / ((square / correction).sqrt() + self.epsilon)
            for p, mean, square in zip(state.parameters, means, squares, strict=True)
        )
        canvas = state.start + operator.push(parameters)
        momentum = Momentum(self.kind, means + squares, steps)
        return replace(state, canvas=canvas, parameters=parameters, momentum=momentum)
