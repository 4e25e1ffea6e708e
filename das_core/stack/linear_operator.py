"""The linear operator K of a stack: how a gradient at the canvas moves the canvas.

A stack is a sum of pictures at many resolutions, its levels P_r. Each level is resized to the canvas by two matrices,
A_r for its rows and B_r for its columns, and multiplied by a gain g_r. With ' for the transpose:

    canvas = start + sum over r of  g_r A_r P_r B_r'

The map from the levels to the canvas is linear; call it `forward`. Let G be the gradient of a score at the canvas. By
the chain rule, the gradient of the same score at level r is

    g_r A_r' G B_r

This is the transpose of `forward` applied to G; call this transpose `adjoint`. (In the form `layers`, the methods
`forward` and `adjoint` do just this; in the other forms they divide the work differently, see `StackOperator`.) One
step of gradient ascent adds to every level its gradient times the step size. So the step moves the canvas by the step
size times

    K G = forward(adjoint(G)) = sum over r of  g_r^2 (A_r A_r') G (B_r B_r')

K maps canvases to canvases. It is linear, symmetric, positive semi-definite, and the same at every step: a
preconditioner of the gradient. Coarse structure moves far, because nearly all levels can show it, and because one
sample of a coarse level moves many pixels; the finest detail moves little.

After several steps the canvas has moved by K times a sum: the gradients of all steps, each times its step size. An
ascent whose steps are linear in the gradient (`SGD`, with or without momentum) therefore needs neither the levels as
tensors nor an autograd graph through their interpolations: it keeps this sum, the accumulated gradient, which is one
tensor of the size of the canvas. When levels are asked for, `least_norm` computes them from this tensor.

K has three forms, all of them float32:

- `spectral`: one factor for every frequency of the cosine basis, in which K is nearly diagonal. It is the fastest form,
  and its K G differs from the exact K G by 1 to 14 percent in relative norm. The error depends on the levels and on
  G; with the default levels and white noise as G it is 10 percent (on a canvas of 336 x 336).
- `exact`: matrix products without approximation, one level after the other.
- `layers`: as `exact`, but it keeps the levels as tensors, for optimizers such as Adam. Their steps are not linear in
  the gradient, so they do not move the canvas by K times a sum of gradients.

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

    `adjoint` converts a gradient at the canvas to the change of the parameters in one step of gradient ascent with the
    step size 1. `forward` converts parameters to the change of the canvas that they stand for. `precondition` applies
    `adjoint`, then `forward`: `forward(adjoint(G))` equals K G. What the parameters are depends on the form. In the
    form `layers` they are the levels (or the tensor of another parametrisation), `adjoint` returns the gradient with
    respect to them, and is the transpose of `forward`. In the forms `spectral` and `exact` they are the accumulated
    gradient: `adjoint` returns the gradient itself (`exact` removes frozen bands from it), `forward` is all of K, and
    neither is the transpose of the other.

    With frozen bands K becomes M K M, where M removes the frequencies that belong to those bands.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
        levels: resolutions along the long side of the canvas, coarse to fine.
        gains: the factor of every level in the sum.
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
        >>> moved = operator.forward(levels)
        >>> moved.shape
        torch.Size([1, 3, 48, 48])
        >>> float((moved - operator.precondition(gradient)).abs().max())
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
        gains: Sequence[float],
        device: torch.device,
        tile: bool = False,
        frozen: Sequence[Band] = (),
    ) -> None:
        self.canvas, self.levels, self.gains = canvas, tuple(levels), tuple(gains)
        self.device, self.tile, self.frozen = device, tile, tuple(frozen)
        self.basis = make_basis(canvas, device, tile or self.always_periodic)
        self._moving = mask_moving_frequencies(self.basis, frozen) if frozen else None
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Compute the tensors that every application of K uses; the constructor calls this once."""

    @abstractmethod
    def adjoint(self, gradient: Tensor) -> P:
        """Return the change of the parameters in one step of gradient ascent with the step size 1.

        Args:
            gradient: the gradient of a score at the canvas, (B, 3, H, W), of any floating-point type.
        """

    @abstractmethod
    def forward(self, parameters: P) -> Tensor:
        """Return the change of the canvas that parameters stand for, (B, 3, H, W).

        Args:
            parameters: an object of the type that `adjoint` returns, such as the accumulated gradient.
        """

    @abstractmethod
    def invert(self, change: Tensor) -> P:
        """Return parameters that stand for a change of the canvas, as nearly as the parametrisation can show it.

        Args:
            change: (B, 3, H, W), float32.
        """

    @classmethod
    def shape_parameters(cls, canvas: Shape, levels: Sequence[int], batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the tensors in the parameters; by default there is one tensor, as large as the canvas.

        Args:
            canvas: height and width of the canvas in pixels.
            levels: resolutions along the long side of the canvas.
            batch: how many images the stack holds.
        """
        return [(batch, 3, *canvas)]

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient: the direction in which gradient ascent on all levels moves the canvas.

        Args:
            gradient: the gradient of a score at the canvas, (B, 3, H, W), of any floating-point type.
            cutoff: the frequency at which a Gaussian low-pass after K falls to exp(-1/2), above 0, in half-waves across
                the short side of the canvas; a low cutoff leaves only large shapes. None for no low-pass.
            tilt: how much more steeply K falls with the frequency f: K is multiplied by f^-tilt (`Basis.tilt`).

        Returns:
            A canvas (B, 3, H, W), float32.
        """
        moved = self.forward(self.adjoint(gradient))
        shape = self.shape_response(cutoff, tilt)
        return moved if shape is None else self.basis.filter(moved, shape)

    def shape_response(self, cutoff: float | None, tilt: float) -> Tensor | None:
        """Return the product of the low-pass and the tilt, one factor for every frequency; None if neither is set.

        Args:
            cutoff: the frequency at which the Gaussian low-pass falls to exp(-1/2), in half-waves across the short side
                of the canvas; None for no low-pass.
            tilt: the exponent t of the factor f^-t at the frequency f; 0 for no tilt.
        """
        factors = [] if cutoff is None else [self.basis.gaussian(cutoff)]
        if tilt:
            factors.append(self.basis.tilt(tilt))
        return math.prod(factors[1:], start=factors[0]) if factors else None

    def retract(self, canvas: Tensor, start: Tensor) -> Tensor:
        """Return the canvas after a step, projected to a canvas that the parametrisation allows.

        By default all canvases are allowed, and the canvas is returned unchanged.

        Args:
            canvas: the canvas after a step, (B, 3, H, W).
            start: the canvas before the first step, (B, 3, H, W). The parametrisation `maco` needs it: only canvases
                with the Fourier magnitudes of the start are allowed there.
        """
        return canvas

    def remove_frozen(self, canvas: Tensor) -> Tensor:
        """Return a canvas (B, 3, H, W) without the frequencies of frozen bands."""
        return canvas if self._moving is None else self.basis.filter(canvas, self._moving)
