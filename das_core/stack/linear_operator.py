"""The linear operator K of a stack: how a gradient at the canvas moves the canvas.

A stack is a sum of pictures at many resolutions, its levels P_r. Two matrices resize each level to the canvas, A_r its
rows and B_r its columns; ' is the transpose:

    canvas = start + forward(P),    forward(P) = sum over r of  A_r P_r B_r',    adjoint(G)_r = A_r' G B_r

`adjoint`, the transpose of `forward`, maps the gradient G of a score at the canvas to its gradients at the levels. A
step of gradient ascent on all levels therefore moves the canvas by the step size times

    K G = forward(adjoint(G)) = sum over r of  (A_r A_r') G (B_r B_r')

K is linear, symmetric, positive semi-definite and the same at every step: a preconditioner of the gradient. An ascent
whose steps are linear in the gradient (`SGD`) needs no levels as tensors: it keeps the accumulated gradient, the sum of
the gradients of all steps times their step sizes, and moves the canvas by K times this sum.

K has two forms, both float32:

- `spectral`: one factor for every frequency of the cosine basis, in which K is nearly diagonal. It is the fastest form,
  and its K G differs from the exact K G by 1 to 14 percent in relative norm (by 10 percent with the default levels and
  white noise as G, on a canvas of 336 x 336).
- `layers`: matrix products without approximation. It keeps the levels as tensors, which optimizers such as `Adam` need:
  their steps are not linear in the gradient.

For a tile, whose opposite edges meet, the matrices wrap around at the edges, and `spectral` uses the Fourier basis.

Method: Direct Ascent Synthesis, arXiv 2502.07753, section 3. The formulation with an operator is this project's own.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from ..common.geometry import Shape
from .bands import Band, mask_moving_frequencies
from .bases import make_basis
from .state import Parameters

P = TypeVar("P", bound=Parameters)


class StackOperator(ABC, Generic[P]):
    """The operator K of one stack on one device, as the product of `forward` and `adjoint`.

    `adjoint` maps a gradient at the canvas to a change of the parameters, `forward` maps parameters to the change of
    the canvas that they stand for. In the form `layers` the parameters are the levels (or the tensor of another
    parametrisation), and the two maps are transposes of each other. In the form `spectral` they are the accumulated
    gradient: `adjoint` returns the gradient itself, and `forward` is all of K. With frozen bands, K becomes M K M,
    where M removes the frequencies of these bands.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
        levels: resolutions along the long side of the canvas, coarse to fine.
        device: the device of canvases and gradients.
        tile: whether opposite edges of the canvas meet.
        frozen: bands of resolutions that K does not move.

    Example:
        >>> import torch
        >>> from das_core import StackSpec
        >>> spec = StackSpec(width=32, height=32, margin=8, levels=(1, 4, 48))
        >>> operator = spec.operator(torch.device("cpu"), "layers")
        >>> gradient = torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
        >>> levels = operator.adjoint(gradient)
        >>> [tuple(level.shape) for level in levels.tensors]
        [(1, 3, 1, 1), (1, 3, 4, 4), (1, 3, 48, 48)]
        >>> float((operator.forward(levels) - operator.precondition(gradient)).abs().max())
        0.0
    """

    always_periodic: ClassVar[bool] = False
    """Whether the basis is the Fourier basis even if the canvas is not a tile."""

    keeps_magnitudes: ClassVar[bool] = False
    """Whether the canvas has to be projected after every step, by `retract`."""

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

    @abstractmethod
    def _prepare(self) -> None:
        """Compute the tensors that every application of K uses; the constructor calls this once."""

    @abstractmethod
    def adjoint(self, gradient: Tensor) -> P:
        """Return the change of the parameters in a step of size 1 along a gradient (B, 3, H, W) of any float type."""

    @abstractmethod
    def forward(self, parameters: P) -> Tensor:
        """Return the change of the canvas that parameters stand for, (B, 3, H, W)."""

    @abstractmethod
    def invert(self, change: Tensor) -> P:
        """Return parameters that stand for a change (B, 3, H, W), as nearly as the parametrisation can show it."""

    @classmethod
    def shape_parameters(cls, canvas: Shape, levels: Sequence[int], batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the tensors in the parameters; by default there is one, as large as the canvas."""
        return [(batch, 3, *canvas)]

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient (B, 3, H, W) of any float type, filtered; float32.

        `cutoff`, above 0, is the frequency at which a Gaussian low-pass falls to exp(-1/2), in half-waves across the
        short side; None for no low-pass. `tilt` is the exponent t of a factor f^-t at the frequency f (`Basis.tilt`).
        """
        moved = self.forward(self.adjoint(gradient))
        shape = self.shape_response(cutoff, tilt)
        return moved if shape is None else self.basis.filter(moved, shape)

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
