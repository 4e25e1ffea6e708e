"""The state of a stack: the parameters that an ascent accumulates, and the state of its optimizer."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.scalars import as_whole
from ..common.text import shorten

_LONGEST_KIND = 100
"""The most characters of the name of a kind of optimizer."""


def check_steps(name: str, value: object) -> int:
    """Return a number of steps as an int, or raise a ValueError unless it is a whole number from 0 to below 2^53."""
    steps = as_whole(value)
    if steps is None or not 0 <= steps < 2**53:
        raise ValueError(f"{name} {shorten(value)} is not a whole number from 0 up; give one, such as 0")
    return steps


def check_tensor(what: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless a tensor of a stack is float32 and of this shape."""
    if tensor.dtype != torch.float32 or tuple(tensor.shape) != shape:
        raise ValueError(
            f"{what} is {tensor.dtype} of shape {tuple(tensor.shape)}; give float32 of shape {shape}, which fits the "
            "spec of the stack"
        )


@dataclass(frozen=True, eq=False)
class Parameters:
    """The tensors that an ascent moves: `canvas = start + operator.forward(parameters)`.

    `AccumulatedGradient` for the form `spectral`, `LevelTensors` for the form `layers`. Methods return new parameters.

    Args:
        tensors: the tensors, float32.

    Example:
        >>> import torch
        >>> from das_core import StackSpec
        >>> spec = StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48))
        >>> gradient = torch.ones(1, 3, 48, 48)
        >>> [tuple(part.shape) for part in spec.operator(torch.device("cpu"), "layers").adjoint(gradient).tensors]
        [(1, 3, 1, 1), (1, 3, 6, 6), (1, 3, 48, 48)]
    """

    tensors: tuple[Tensor, ...]

    def add(self, other: "Parameters", alpha: float) -> Self:
        """Return the sum of these parameters and `alpha` times `other`."""
        pairs = pausing(zip(self.tensors, other.tensors, strict=True))
        return replace(self, tensors=tuple(own.add(more, alpha=alpha) for own, more in pairs))

    def to(self, device: torch.device) -> Self:
        """Return the same parameters on another device."""
        return replace(self, tensors=tuple(tensor.to(device) for tensor in self.tensors))


class AccumulatedGradient(Parameters):
    """The sum over all steps of the gradient (with momentum: the velocity) times the step size.

    It is one tensor (B, 3, H, W), as large as the canvas; K times this tensor is the change of the canvas by all steps.

    Example:
        >>> import torch
        >>> from das_core.stack import AccumulatedGradient
        >>> nothing = AccumulatedGradient((torch.zeros(1, 3, 48, 48),))
        >>> gradient = AccumulatedGradient((torch.ones(1, 3, 48, 48),))
        >>> two_steps = nothing.add(gradient, alpha=0.5).add(gradient, alpha=0.25)
        >>> float(two_steps.gradient.mean())
        0.75
    """

    @property
    def gradient(self) -> Tensor:
        """The accumulated gradient (B, 3, H, W)."""
        return self.tensors[0]


class LevelTensors(Parameters):
    """What ascents have added to every level: one tensor (B, 3, h_r, w_r) for each level, coarse to fine.

    The parametrisations `pixels` and `fourier` have a single tensor instead, of the pixels or the coefficients.

    Example:
        >>> import torch
        >>> from das_core import StackSpec
        >>> from das_core.stack import LevelTensors
        >>> spec = StackSpec(width=32, height=24, margin=0, levels=(1, 8))
        >>> levels = LevelTensors((torch.full((1, 3, 1, 1), 0.5), torch.full((1, 3, 6, 8), 0.25)))
        >>> canvas = spec.operator(torch.device("cpu"), "layers").forward(levels)
        >>> tuple(canvas.shape), round(float(canvas.mean()), 2)
        ((1, 3, 24, 32), 0.75)
    """


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """What an optimizer keeps from one step to the next.

    Args:
        kind: the name of the kind of optimizer; an optimizer of another kind ignores this state.
        tensors: for `NormalizedAscent` the running mean of its directions, (B, 3, H, W). For `SGD` the velocity, one
            tensor of the same shape for each tensor of the parameters. For `Adam` the running means of the gradients of
            all levels, then the running means of the squares of these gradients.
        steps: for `Adam` how many steps are in the running means (for its bias correction); 0 for the others.

    Raises:
        ValueError: when `kind` is no short text, `steps` is no whole number from 0 up, or a tensor is not float32.

    Example:
        >>> from das_core import SGD, Ascent, ImageStack, prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> result = Ascent(stack, [prior()], steps=2, optimizer=SGD(momentum=0.9)).run()
        >>> state = result.stack.optimizer_state
        >>> state.kind, [tuple(tensor.shape) for tensor in state.tensors]
        ('sgd', [(1, 3, 48, 48)])
    """

    kind: str
    tensors: tuple[Tensor, ...]
    steps: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or len(self.kind) > _LONGEST_KIND:
            raise ValueError(
                f"kind {shorten(self.kind)} is no name of a kind of optimizer; give a text of at most {_LONGEST_KIND} "
                "characters, such as 'sgd'"
            )
        object.__setattr__(self, "steps", check_steps("steps of an optimizer", self.steps))
        for number, tensor in enumerate(self.tensors):
            check_tensor(f"tensor {number} of the state of an optimizer", tensor, tuple(tensor.shape))

    def to(self, device: torch.device) -> "OptimizerState":
        """Return the same state on another device."""
        return replace(self, tensors=tuple(tensor.to(device) for tensor in self.tensors))
