"""The linear operator K of a stack: how a gradient at the canvas moves the canvas (derived in docs/method.md).

Two matrices resize a level P_r to the canvas, A_r its rows and B_r its columns: A_r P_r B_r'; ' is the transpose. The
form `spectral` of K differs from the exact one, `layers`, by 1 to 14 percent in relative norm.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..common.geometry import Shape
from .bands import Band, mask_moving_frequencies
from .bases import make_basis


class StackOperator(ABC):
    """The operator K of one stack on one device. With frozen bands, K becomes M K M, where M removes these bands."""

    always_periodic: ClassVar[bool] = False  # Whether the basis is the Fourier basis even if the canvas is not a tile.
    keeps_magnitudes: ClassVar[bool] = False  # Whether the canvas has to be projected after every step, by `retract`.

    def __init__(
        self,
        canvas: Shape,
        levels: Sequence[int],
        device: torch.device,
        tile: bool = False,
        frozen: Sequence[Band] = (),
    ) -> None:
        self.canvas, self.levels, self.device = canvas, tuple(levels), device
        self.tile, self.frozen = tile, tuple(frozen)
        self.basis = make_basis(canvas, device, tile or self.always_periodic)
        self._moving = mask_moving_frequencies(self.basis, frozen) if frozen else None
        self._prepare()

    def _prepare(self) -> None:  # noqa: B027  (not every operator has some)
        """Compute the tensors that every application of K uses; the constructor calls this once."""

    @abstractmethod
    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient (B, 3, H, W), with a low-pass (`cutoff` in half-waves) and a tilt; float32."""

    def shape_response(self, cutoff: float | None, tilt: float) -> Tensor | None:
        """Return the product of low-pass and tilt, one factor for every frequency; None if neither is set."""
        factors = [] if cutoff is None else [self.basis.gaussian(cutoff)]
        if tilt:
            factors.append(self.basis.tilt(tilt))
        return math.prod(factors[1:], start=factors[0]) if factors else None

    def retract(self, canvas: Tensor, start: Tensor) -> Tensor:
        """Return a canvas after a step, projected to what the parametrisation allows from this start; (B, 3, H, W)."""
        return canvas

    def remove_frozen(self, canvas: Tensor) -> Tensor:
        """Return a canvas (B, 3, H, W) without the frequencies of frozen bands."""
        return canvas if self._moving is None else self.basis.filter(canvas, self._moving)


class FactoredOperator(StackOperator):
    """An operator K that is the product of `forward` and its transpose `adjoint`; `Adam` moves what is between them."""

    @abstractmethod
    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient at what moves, such as levels, from that at the canvas, (B, 3, H, W), of any type."""

    @abstractmethod
    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change of the canvas, (B, 3, H, W), when tensors are added to what moves."""

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient; see `StackOperator.precondition`."""
        moved, shape = self.forward(self.adjoint(gradient)), self.shape_response(cutoff, tilt)
        return moved if shape is None else self.basis.filter(moved, shape)
