"""The linear operator of a stack: from what an ascent accumulates to the canvas, and back.

A stack sums its levels P_r, each resized by matrices A_r and B_r (rows and columns) and scaled by a gain g_r. A
gradient G at the canvas moves level r by g_r A_r' G B_r, which moves the canvas by

    K G = sum over r of g_r^2 (A_r A_r') G (B_r B_r')

K is linear and fixed: it preconditions the gradient. The levels need not exist during an ascent, and no autograd graph
runs through them. K has three forms, all float32: `spectral` (nearly diagonal in the cosine basis), `exact` (matrix
products) and `layers` (the levels as tensors, for optimizers that do not commute with K). In a tile the levels are
resized as if the canvas went on at its opposite edge, and the basis is Fourier's.

Method: Direct Ascent Synthesis, arXiv 2502.07753, section 3; the operator form is this project's.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ..common.geometry import Shape
from .bands import Band, mask_moving_frequencies
from .bases import make_basis
from .state import Parameters

P = TypeVar("P", bound=Parameters)


class StackOperator(ABC, Generic[P]):
    """The operator of one stack on one device.

    `forward` goes from the parameters to the canvas, `adjoint` from a gradient at the canvas to that of the parameters,
    and `precondition` does both: it is K.

    Args:
        canvas: height and width of the canvas, margins included.
        levels: resolutions along the long side, coarse to fine.
        gains: the weight of every level in the sum.
        device: where canvases and gradients lie.
        tile: whether the canvas goes on at its opposite edges.
        frozen: bands of resolutions that K does not move.
    """

    def __init__(
        self,
        canvas: Shape,
        levels: Sequence[int],
        gains: Sequence[float],
        device: torch.device,
        tile: bool = False,
        frozen: Sequence[Band] = (),
    ) -> None:
        self.canvas, self.levels, self.gains = canvas, tuple(levels), tuple(gains)
        self.device, self.tile = device, tile
        self.basis = make_basis(canvas, device, tile)
        self._moving = mask_moving_frequencies(self.basis, frozen) if frozen else None

    @abstractmethod
    def adjoint(self, gradient: Tensor) -> P:
        """Return the gradient of the parameters, given the gradient (B, 3, H, W) at the canvas."""

    @abstractmethod
    def forward(self, parameters: P) -> Tensor:
        """Return the canvas (B, 3, H, W) that the parameters stand for."""

    def precondition(self, gradient: Tensor, cutoff: float | None = None) -> Tensor:
        """Return K times a gradient (B, 3, H, W), low-passed at `cutoff` half-waves across the short side if given."""
        moved = self.forward(self.adjoint(gradient))
        return moved if cutoff is None else self.basis.filter(moved, self.basis.gaussian(cutoff))

    def remove_frozen(self, canvas: Tensor) -> Tensor:
        """Return a canvas (B, 3, H, W) without what lies in frozen bands."""
        return canvas if self._moving is None else self.basis.filter(canvas, self._moving)
