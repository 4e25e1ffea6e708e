"""Optimizers: how a gradient moves a stack. They hold settings only; their state is kept in the stack."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.masks import mean_square
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import StackOperator
from ..stack.state import LevelTensors, OptimizerState
from .pace import Pace

STEEPEST_TILT = 4.0
"""The greatest tilt: K then falls as 1 / f^5."""

_LARGEST = 1e30
"""The greatest size of a step: beyond it float32 ends."""

Evaluate = Callable[[Tensor], Tensor]
"""From a canvas (B, 3, H, W) to the gradient of the score there, (B, 3, H, W)."""


class Optimizer(Protocol):
    """A rule for moving a stack along a gradient. It never changes: its state is kept in the stack.

    Example:
        >>> from das_core import SGD, Adam, NormalizedAscent
        >>> from das_core.ascent import Optimizer
        >>> def summarise(optimizer: Optimizer) -> str:
        ...     return f"{optimizer.kind}: coarse for {optimizer.coarse_share:.0%} of the steps"
        >>> [summarise(optimizer) for optimizer in (NormalizedAscent(), SGD(), Adam())]
        ['ascent: coarse for 60% of the steps', 'sgd: coarse for 0% of the steps', 'adam: coarse for 0% of the steps']
    """

    @property
    def kind(self) -> str:
        """The name of the kind of optimizer. It continues from a state of its own kind and ignores any other."""
        ...

    @property
    def needs_levels(self) -> bool:
        """Whether the parameters of the stack must be the levels as tensors (`LevelTensors`)."""
        ...

    @property
    def coarse_share(self) -> float:
        """The share of the steps, 0..1, that belong to the coarse part of the ascent; 0 for none."""
        ...

    @property
    def tilt(self) -> float:
        """How much steeper K falls with the frequency at the first step, see `pace_at`; 0 for K as it is."""
        ...

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
        evaluate: Evaluate | None = None,
    ) -> ImageStack:
        """Return the stack after one step, with a new canvas, parameters and optimizer state.

        Args:
            stack: the stack before the step, which is not changed.
            gradient: the gradient of the score at the canvas, (B, 3, H, W).
            operator: the operator K of the stack (`StackOperator`).
            pace: the moment of the ascent.
            mask: where any objective acts, (B, 1, H, W), 0..1; None for everywhere. The gradient is already 0 outside.
                `NormalizedAscent` and `LBFGS` measure the size of a step over the pixels under it.
            evaluate: returns the gradient at another canvas, with the same views; only `LBFGS` uses it.
        """
        ...


@dataclass(frozen=True)
class NormalizedAscent:
    """Steps whose size does not depend on the size of the gradient, from coarse to fine.

    The direction of a step is K times the gradient, scaled to RMS 1 in every image and channel. The frames of a film
    are scaled together, so that frames with a larger gradient move farther. K is the operator of
    the stack, its preconditioner (`stack.StackOperator`). The canvas moves by `step_size` times the rate of the pace
    times the direction; the schedule `cosine` lowers the rate after the coarse part (`pace_at`).

    Args:
        step_size: the RMS of the change of the canvas in one step at a rate of 1 and without momentum, before the tanh,
            above 0. Below 0.03 the picture stays grey, above 0.3 it turns harsh. 0.14 suits 60 steps, a tilt and
            a denoiser, 0.08 suits 60 steps without them; for fewer steps take more. With a mask the RMS is that of the
            pixels under it.
        momentum: the weight of the former directions in a running mean, 0 (none) to below 1. The mean is not scaled to
            RMS 1 again: where directions differ from step to step, the steps become smaller.
        coarse_to_fine: the share of the steps, 0..1, during which K is low-passed, with a cutoff that rises from large
            shapes to the finest detail (`Pace.cutoff`).
        tilt: how much steeper than the stack's own K falls with the frequency, 0 to 4: at the first step it is
            multiplied by f^-tilt, at the last by f^(-0.3 tilt). At 0 K is that of the stack, about 1 / f, and pictures
            look engraved; at 0.4 they look painted; at 2 they are blurred. A tilt changes from step to step, as a
            coarse part and the schedule `cosine` do, so two ascents one after the other give another picture than one
            ascent with the steps of both.

    Raises:
        ValueError: when a setting is out of range.

    Example:
        >>> from das_core import Ascent, ImageStack, NormalizedAscent, Prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> optimizer = NormalizedAscent(step_size=0.05)
        >>> after = Ascent(stack, [Prior("total_variation")], steps=1, optimizer=optimizer).run().stack
        >>> (after.canvas - stack.canvas).square().mean(dim=(2, 3)).sqrt()
        tensor([[0.0500, 0.0500, 0.0500]])
    """

    step_size: float = 0.14
    momentum: float = 0.0
    coarse_to_fine: float = 0.6
    tilt: float = 0.4
    kind: ClassVar[str] = "ascent"
    needs_levels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        _check_momentum(self.momentum)
        if not 0 <= self.coarse_to_fine <= 1:
            raise ValueError(f"coarse_to_fine {self.coarse_to_fine} is not a share of the steps between 0 and 1")
        if not 0 <= self.tilt <= STEEPEST_TILT:
            raise ValueError(
                f"tilt {self.tilt} is not between 0 (as the levels have it) and {STEEPEST_TILT:g} (blurred)"
            )

    @property
    def coarse_share(self) -> float:
        """The share of the steps that belong to the coarse part: `coarse_to_fine`."""
        return self.coarse_to_fine

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
        evaluate: Evaluate | None = None,
    ) -> ImageStack:
        """Return the stack after one step along the scaled direction; see `Optimizer.step`."""
        direction = operator.precondition(gradient, pace.cutoff(min(operator.canvas)), pace.tilt)
        size = mean_square(direction, mask, as_one=stack.spec.time is not None).sqrt()
        # A channel without a gradient, such as colour under a judge that sees grey, stays as it is.
        direction = direction.div_(size.clamp(min=torch.finfo(size.dtype).tiny))
        state = None
        if self.momentum:
            old = _recall_state(stack, self.kind, [direction.shape])
            if old is not None:
                direction = direction.lerp(old.tensors[0], self.momentum)
            state = OptimizerState(self.kind, (direction,))
        # Into the room of the direction, unless that is kept: for many frames it takes long to get more.
        room = direction if state is None else None
        canvas = torch.add(stack.canvas, direction, alpha=self.step_size * pace.rate, out=room)
        return replace(stack, canvas=canvas, parameters=None, optimizer_state=state)


@dataclass(frozen=True)
class SGD:
    """Plain gradient ascent on all levels, as in Direct Ascent Synthesis (arXiv 2502.07753).

    Args:
        learning_rate: the factor of the gradient, above 0. A good value depends on the scale of the score: 0.005 to
            0.05 for the logit of a classifier on the default levels; from 0.5 on the picture turns to noise. The score
            of a `Prior` alone needs about 100.
        momentum: the share of the velocity that is kept from step to step, 0 (none) to below 1.

    Raises:
        ValueError: when a setting is out of range.

    Example:
        >>> from das_core import SGD, Ascent, ImageStack, Prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> history = Ascent(stack, [Prior("total_variation")], steps=3, optimizer=SGD(learning_rate=100)).run().history
        >>> [round(record.scores["total variation"], 3) for record in history]
        [-0.019, -0.014, -0.011]
    """

    learning_rate: float = 0.005
    momentum: float = 0.0
    coarse_share: ClassVar[float] = 0.0
    tilt: ClassVar[float] = 0.0
    kind: ClassVar[str] = "sgd"
    needs_levels: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        _check_momentum(self.momentum)

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
        evaluate: Evaluate | None = None,
    ) -> ImageStack:
        """Return the stack with parameters + rate * v and v = momentum * v + gradient; see `Optimizer.step`."""
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
    """Adam (Kingma and Ba, 2015) on the levels as tensors, as in imstack (Whitaker, 2021).

    Every value of every level moves about equally far. So coarse structure does not move farther than fine detail, as
    it does with the other optimizers, and pictures are finer and noisier.

    Args:
        learning_rate: about how far every value of every level moves in one step, above 0.
        betas: the weights of the former values in the running means of the gradient and of its square, 0 to below 1.
        epsilon: added to the root of the mean square, so that no divisor is 0.

    Raises:
        ValueError: when `learning_rate` is not above 0, or a beta is out of range.

    Example:
        >>> from das_core import Adam, Ascent, ImageStack, Prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 8, 48)))
        >>> after = Ascent(stack, [Prior("total_variation")], steps=1, optimizer=Adam(learning_rate=0.02)).run().stack
        >>> [round(float(level.abs().mean()), 3) for level in after.parameters.tensors]
        [0.02, 0.02, 0.019]
    """

    learning_rate: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    coarse_share: ClassVar[float] = 0.0
    tilt: ClassVar[float] = 0.0
    kind: ClassVar[str] = "adam"
    needs_levels: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        for beta in self.betas:
            if not 0 <= beta < 1:
                raise ValueError(f"beta {beta} is not between 0 and 1 (excluded); 0.9 and 0.999 are usual")

    def step(
        self,
        stack: ImageStack,
        gradient: Tensor,
        operator: StackOperator[Any],
        pace: Pace,
        mask: Tensor | None = None,
        evaluate: Evaluate | None = None,
    ) -> ImageStack:
        """Return the stack after one step of Adam with bias correction; see `Optimizer.step`."""
        assert isinstance(stack.parameters, LevelTensors)
        gradients = operator.adjoint(gradient).tensors
        old = _recall_state(stack, self.kind, [g.shape for g in gradients] * 2)
        if old is None:
            old = OptimizerState(self.kind, tuple(torch.zeros_like(g) for g in gradients) * 2)
        steps = old.steps + 1
        means, squares = old.tensors[: len(gradients)], old.tensors[len(gradients) :]
        fade, fade_square = self.betas
        means = tuple(g.lerp(mean, fade) for g, mean in pausing(zip(gradients, means, strict=True)))
        squares = tuple(
            g.square().lerp(square, fade_square) for g, square in pausing(zip(gradients, squares, strict=True))
        )
        rate = self.learning_rate * pace.rate / (1 - fade**steps)
        correction = 1 - fade_square**steps
        levels = LevelTensors(
            tuple(
                level + rate * mean / ((square / correction).sqrt() + self.epsilon)
                for level, mean, square in pausing(zip(stack.parameters.tensors, means, squares, strict=True))
            )
        )
        canvas = stack.start + operator.forward(levels)
        state = OptimizerState(self.kind, means + squares, steps)
        return replace(stack, canvas=canvas, parameters=levels, optimizer_state=state)


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless a setting is above 0 and a number of float32; NaN is neither."""
    if not 0 < value <= _LARGEST:
        raise ValueError(f"{name} {value} must be above 0 and at most {_LARGEST:g}")


def _check_momentum(value: float) -> None:
    """Raise ValueError unless a momentum is in 0..1 and below 1."""
    if not 0 <= value < 1:
        raise ValueError(f"momentum {value} is not between 0 (none) and 1 (excluded); 0.9 is strong")


def _recall_state(stack: ImageStack, kind: str, shapes: list[torch.Size]) -> OptimizerState | None:
    """Return the state that the last step left; None at the first step, and after an optimizer of another kind."""
    old = stack.optimizer_state
    return old if old is not None and old.kind == kind and [t.shape for t in old.tensors] == shapes else None
