"""What an ascent accumulates in a stack, and what its optimizer remembers between steps."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Parameters:
    """What ascents have added to a stack: `canvas = start + operator.forward(parameters)`.

    What the tensors are depends on the form of the operator: see the two subclasses. Nothing here changes in place.
    """

    tensors: tuple[Tensor, ...]

    def add(self, other: "Parameters", alpha: float) -> Self:
        """Return these parameters plus `alpha` times others of the same shapes."""
        pairs = zip(self.tensors, other.tensors, strict=True)
        return replace(self, tensors=tuple(own.add(more, alpha=alpha) for own, more in pairs))

    def to(self, device: torch.device) -> Self:
        """Return the same parameters on another device."""
        return replace(self, tensors=tuple(tensor.to(device) for tensor in self.tensors))


class AccumulatedGradient(Parameters):
    """The sum of the gradients of all steps, each times its step size: one tensor (B, 3, H, W) as large as the canvas.

    The operator K takes it to what the canvas has gained, and every level can be read out of it (`decomposition`).
    """

    @property
    def gradient(self) -> Tensor:
        """The accumulated gradient (B, 3, H, W)."""
        return self.tensors[0]


class LevelTensors(Parameters):
    """The levels themselves, coarse to fine, each (B, 3, h_r, w_r): for optimizers that do not commute with K."""


@dataclass(frozen=True)
class OptimizerState:
    """What an optimizer of this `kind` carries from step to step: momentum, or Adam's means and squares."""

    kind: str
    tensors: tuple[Tensor, ...]
    steps: int = 0

    def to(self, device: torch.device) -> "OptimizerState":
        """Return the same state on another device."""
        return replace(self, tensors=tuple(tensor.to(device) for tensor in self.tensors))
