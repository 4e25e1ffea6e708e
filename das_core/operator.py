"""The operator of a stack: what a gradient at the canvas does to the canvas when every level takes its share.

A stack sums its levels P_r, each resized by matrices A_r and B_r (rows and columns) and scaled by a gain g_r. A
gradient G at the canvas moves level r by g_r A_r' G B_r, which moves the canvas by

    K G = sum over r of g_r^2 (A_r A_r') G (B_r B_r')

K is linear and fixed, so the levels need not exist during an ascent, and no autograd graph runs through them.
Three forms of it, all float32: `spectral` (K is nearly diagonal in the cosine basis), `exact` (matrix products) and
`layers` (explicit tensors, for optimizers that do not commute with K). In a tile the levels are resized as if the
canvas went on at its other end, and the basis is Fourier's. Method: Direct Ascent Synthesis, arXiv 2502.07753, section
3; the operator form is this project's.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from .bands import Band, moving_modes
from .basis import Basis
from .cache import cached
from .cosine import CosineBasis
from .fourier import FourierBasis
from .levels import Shape, level_shape
from .resample import bicubic_matrix

Method = Literal["spectral", "exact", "layers"]
Parameters = tuple[Tensor, ...]


class Operator(ABC):
    """K of one stack on one device. `pull` goes from the canvas to the parameters, `push` back; K is both in turn."""

    explicit = False
    """Whether the parameters are the levels themselves (and not one canvas-sized accumulated gradient)."""

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
        self.tile = tile
        self.basis = basis_of(canvas, device, tile)
        self.device = device
        self._moving = moving_modes(self.basis, frozen) if frozen else None
        self._build()

    @abstractmethod
    def _build(self) -> None:
        """Make what applying K needs, once."""

    def confined(self, canvas: Tensor) -> Tensor:
        """A canvas (B, 3, H, W) without what lies in frozen bands: K is confined before and after."""
        return canvas if self._moving is None else self.basis.filter(canvas, self._moving)

    @abstractmethod
    def pull(self, gradient: Tensor) -> Parameters:
        """The gradient of the parameters, given the gradient (B, 3, H, W) of the canvas."""

    @abstractmethod
    def push(self, parameters: Parameters) -> Tensor:
        """The canvas (B, 3, H, W) that the parameters sum to."""

    def apply(self, gradient: Tensor, cutoff: float | None = None) -> Tensor:
        """K times the gradient (B, 3, H, W), low-passed at `cutoff` (half-waves across the short side) if given."""
        moved = self.push(self.pull(gradient))
        return moved if cutoff is None else self.basis.filter(moved, self.basis.gaussian(cutoff))


class SpectralOperator(Operator):
    """K as a filter over cosine frequencies: a diagonal that no other diagonal comes nearer to."""

    def _build(self) -> None:
        self.response = spectral_response(self.canvas, self.levels, self.gains, self.tile).to(self.device)
        if self._moving is not None:
            self.response = self.response * self._moving

    def pull(self, gradient: Tensor) -> Parameters:
        """The gradient itself: the parameters are the accumulated gradient."""
        return (gradient.float(),)

    def push(self, parameters: Parameters) -> Tensor:
        """K times the accumulated gradient."""
        return self.basis.filter(parameters[0], self.response)

    def apply(self, gradient: Tensor, cutoff: float | None = None) -> Tensor:
        """K times the gradient (B, 3, H, W); a low-pass costs nothing, for it is one more factor of the filter."""
        response = self.response if cutoff is None else self.response * self.basis.gaussian(cutoff)
        return self.basis.filter(gradient.float(), response)


class LayersOperator(Operator):
    """Explicit levels: the parameters are the tensors P_r (B, 3, h_r, w_r) themselves."""

    explicit = True

    def _build(self) -> None:
        shapes = [level_shape(level, self.canvas) for level in self.levels]
        rows, columns = (
            {
                shape[axis]: bicubic_matrix(shape[axis], side, self.tile).to(self.device, torch.float32)
                for shape in shapes
            }
            for axis, side in enumerate(self.canvas)
        )
        self._pairs = [(rows[height], columns[width]) for height, width in shapes]

    def pull(self, gradient: Tensor) -> Parameters:
        """The gradient of every level: g_r A_r' G B_r."""
        gradient = self.confined(gradient.float())
        return tuple(
            gain * (rows.T @ gradient @ columns) for gain, (rows, columns) in zip(self.gains, self._pairs, strict=True)
        )

    def push(self, parameters: Parameters) -> Tensor:
        """The sum of all levels, resized to the canvas and scaled by their gains."""
        canvas = parameters[0].new_zeros((*parameters[0].shape[:2], *self.canvas))
        for number, level in enumerate(parameters):
            canvas += self.shown(number, level)
        return self.confined(canvas)

    def shown(self, number: int, level: Tensor) -> Tensor:
        """What level `number` adds to the canvas (B, 3, H, W)."""
        rows, columns = self._pairs[number]
        return self.gains[number] * (rows @ level @ columns.T)


class ExactOperator(LayersOperator):
    """K by matrix products, without keeping a level: the parameters are the accumulated gradient."""

    explicit = False

    def pull(self, gradient: Tensor) -> Parameters:
        """The gradient itself."""
        return (self.confined(gradient.float()),)

    def push(self, parameters: Parameters) -> Tensor:
        """K times the accumulated gradient, level after level."""
        (drive,) = parameters
        canvas = torch.zeros_like(drive)
        for gain, (rows, columns) in zip(self.gains, self._pairs, strict=True):
            canvas += gain**2 * (rows @ (rows.T @ drive @ columns) @ columns.T)
        return self.confined(canvas)


def basis_of(canvas: Shape, device: torch.device, tile: bool) -> Basis:
    """The basis in which K is diagonal, or nearly so."""
    return (FourierBasis if tile else CosineBasis)(*canvas, device)


def spectral_response(canvas: Shape, levels: Sequence[int], gains: Sequence[float], tile: bool = False) -> Tensor:
    """The diagonal of K in the basis of the canvas, one number for each coefficient, float32 on the CPU."""
    # Made once for both axes of a square, and not kept: they take as much room as there are levels.
    shapes = [level_shape(level, canvas) for level in levels]
    sizes = {(shape[axis], canvas[axis]) for shape in shapes for axis in (0, 1)}
    made = {(source, target): _axis_response(source, target, tile) for source, target in sizes}
    rows, columns = (torch.stack([made[shape[axis], canvas[axis]] for shape in shapes]) for axis in (0, 1))
    if tile:
        # The other half of the frequencies is that of the complex conjugates.
        columns = columns[:, : canvas[1] // 2 + 1]
    squared_gains = torch.tensor(gains, dtype=torch.float64).square()
    return (rows.T @ (squared_gains[:, None] * columns)).float()


def _axis_response(source: int, target: int, tile: bool) -> Tensor:
    """How much of every wave of length `target` survives a level of `source` samples and comes back: (target,)."""
    samples = bicubic_matrix(source, target, tile).T.float()
    if tile:
        kept = torch.fft.fft(samples, norm="ortho")
    else:
        kept = CosineBasis(1, target, samples.device).forward(samples[:, None]).squeeze(-2)
    return kept.abs().square().sum(dim=0).double()


FORMS: dict[Method, type[Operator]] = {"spectral": SpectralOperator, "exact": ExactOperator, "layers": LayersOperator}


@cached(maxsize=4)
def operator_of(
    method: Method,
    canvas: Shape,
    levels: tuple[int, ...],
    gains: tuple[float, ...],
    device: torch.device,
    tile: bool = False,
    frozen: tuple[Band, ...] = (),
) -> Operator:
    """The operator of a stack in the form `method`; built once for each specification and device, then cached."""
    return FORMS[method](canvas, levels, gains, device, tile, frozen)
