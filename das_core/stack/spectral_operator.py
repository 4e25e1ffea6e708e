"""The operator of a stack as a filter over frequencies."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.geometry import Shape
from .bands import Band
from .bases import CosineBasis
from .bicubic import bicubic_matrix
from .levels import level_shape
from .linear_operator import StackOperator
from .state import AccumulatedGradient


class SpectralOperator(StackOperator[AccumulatedGradient]):
    """K as one factor for every frequency: of all diagonal operators in this basis the nearest to K.

    The parameters are the accumulated gradient. See `StackOperator` for the arguments.
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
        super().__init__(canvas, levels, gains, device, tile, frozen)
        self.response = compute_spectral_response(canvas, levels, gains, tile).to(device)
        if self._moving is not None:
            self.response = self.response * self._moving

    def adjoint(self, gradient: Tensor) -> AccumulatedGradient:
        """Return the gradient itself."""
        return AccumulatedGradient((gradient.float(),))

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        """Return K times the accumulated gradient."""
        return self.basis.filter(parameters.gradient, self.response)

    def precondition(self, gradient: Tensor, cutoff: float | None = None) -> Tensor:
        """Return K times a gradient (B, 3, H, W); a low-pass costs nothing, for it is one more factor of the filter."""
        response = self.response if cutoff is None else self.response * self.basis.gaussian(cutoff)
        return self.basis.filter(gradient.float(), response)


def compute_spectral_response(
    canvas: Shape, levels: Sequence[int], gains: Sequence[float], tile: bool = False
) -> Tensor:
    """Return the diagonal of K in the basis of the canvas: one number for each coefficient, float32, on the CPU.

    Args:
        canvas: height and width of the canvas.
        levels: resolutions along the long side, coarse to fine.
        gains: the weight of every level in the sum.
        tile: whether the basis is Fourier's (`FourierBasis`) and not the cosines'.
    """
    # Made once for both axes of a square, and not kept: they take as much room as there are levels.
    shapes = [level_shape(level, canvas) for level in levels]
    sizes = {(shape[axis], canvas[axis]) for shape in shapes for axis in (0, 1)}
    made = {(source, target): _compute_axis_response(source, target, tile) for source, target in sizes}
    rows, columns = (torch.stack([made[shape[axis], canvas[axis]] for shape in shapes]) for axis in (0, 1))
    if tile:
        # The other half of the frequencies is that of the complex conjugates.
        columns = columns[:, : canvas[1] // 2 + 1]
    squared_gains = torch.tensor(gains, dtype=torch.float64).square()
    return (rows.T @ (squared_gains[:, None] * columns)).float()


def _compute_axis_response(source: int, target: int, tile: bool) -> Tensor:
    """Return how much of every wave of length `target` survives a level of `source` samples and comes back."""
    samples = bicubic_matrix(source, target, tile).T.float()
    if tile:
        kept = torch.fft.fft(samples, norm="ortho")
    else:
        kept = CosineBasis(1, target, samples.device).forward(samples[:, None]).squeeze(-2)
    return kept.abs().square().sum(dim=0).double()
