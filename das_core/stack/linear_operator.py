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
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  (not every operator has some)
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

    def remove_frozen(self, canvas: Tensor) -> Tensor:
        """Return a canvas (B, 3, H, W) without the frequencies of frozen bands."""
        return canvas if self._moving is None else self.basis.filter(canvas, self._moving)


class Parametrization(StackOperator):
    """What an ascent moves in place of the canvas: tensors of which the canvas is a linear function, `forward`.

    One of your own inherits it and defines `forward`, its transpose `adjoint`, and `prepare` if both share tensors.
    Given to `render` or `StackSpec`, it works with all optimizers; the operator K is the product of both.

    Args:
        canvas: height and width of the canvas in pixels, margins included.
        levels: the number of samples of each level along the long side, see `StackSpec`.
        device: where tensors are.
        tile: whether opposite edges of the canvas meet.
        frozen: bands of resolutions that do not move; `adjoint` and `forward` need not care.

    Attributes:
        basis: the frequency basis of canvases, with `forward`, `filter` and, if it is that of Fourier, `inverse`.
        always_periodic: whether the basis is that of Fourier even if the canvas is not a tile.

    Example:
        >>> import direct_ascent as da
        >>> class Rows(da.stack.Parametrization):
        ...     def adjoint(self, gradient):
        ...         return (gradient.mean(dim=3, keepdim=True),)
        ...
        ...     def forward(self, tensors):
        ...         return tensors[0].expand(-1, -1, *self.canvas) / self.canvas[1]
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8, parametrization=Rows))
        >>> after = da.Ascent(stack, [da.prior("total_variation")], steps=2, denoising=None).run().stack
        >>> bool(((after.canvas - stack.canvas).std(dim=3) < 1e-6).all())  # All columns have moved alike.
        True
    """

    @abstractmethod
    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient at what moves, tensors (B, …), from that at the canvas, (B, 3, H, W), float32."""

    @abstractmethod
    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change of the canvas, (B, 3, H, W), when tensors are added to what moves."""

    def pull(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient at what moves, from that at the canvas, (B, 3, H, W), without frozen bands."""
        # Copied, because `adjoint` may return what it gets, and optimizers change what they get of it in place.
        return self.adjoint(self.remove_frozen(gradient.to(torch.float32, copy=True)))

    def push(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change of the canvas, (B, 3, H, W), without frozen bands, when tensors are added to what moves."""
        return self.remove_frozen(self.forward(tensors))

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient; see `StackOperator.precondition`."""
        moved, shape = self.push(self.pull(gradient)), self.shape_response(cutoff, tilt)
        return moved if shape is None else self.basis.filter(moved, shape)
