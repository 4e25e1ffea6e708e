"""The operator of a stack as a filter over frequencies."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.interruption import allow_interrupt, pausing
from ..common.products import multiply
from .bases import CosineBasis
from .levels import bicubic_columns, bicubic_taps, level_shape
from .linear_operator import StackOperator

# Levels hardly show frequencies with a smaller factor in K: dividing by it would make levels larger than the canvas.
_LEAST_RESPONSE = 0.3
_MOST_AT_ONCE = 2**21  # How many samples `_compute_axis_response` transforms at once: 16 MiB in float64.
# Above this number of squared source samples for every target sample, `_compute_long_response` is the faster way.
_MANY_SAMPLES = 64


class SpectralOperator(StackOperator):
    """The operator K in the form `spectral`: one factor for every frequency, the diagonal of K in that basis."""

    def prepare(self) -> None:
        """Compute the factor of each frequency."""
        self.response = self._compute_response().to(self.device)
        if self._moving is not None:
            self.response = self.response * self._moving

    def _compute_response(self) -> Tensor:
        """Return the factor by which K multiplies each frequency, as if no band were frozen, on the CPU."""
        return compute_spectral_response(self.canvas, self.levels, self.tile)

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient; K, low-pass and tilt are one multiplication."""
        shape = self.shape_response(cutoff, tilt)
        return self.basis.filter(gradient.float(), self.response if shape is None else self.response * shape)

    def invert(self, change: Tensor) -> Tensor:
        """Return the pseudo-inverse K+ times a change: the G of least norm for which K G is what levels show of it."""
        reached = self.response > _LEAST_RESPONSE
        return self.basis.filter(change, torch.where(reached, 1 / self.response.clamp(min=_LEAST_RESPONSE), 0))


def compute_spectral_response(
    canvas: Shape, levels: Sequence[int], tile: bool = False, gains: Sequence[float] | None = None
) -> Tensor:
    """Return the diagonal of K in the frequency basis, (H, W), or (H, W // 2 + 1) for a tile; g_r are all 1 by default.
    For a wave u v' of norm 1 it is the sum of g_r^2 |A_r' u|^2 |B_r' v|^2."""
    shapes = [level_shape(level, canvas) for level in levels]
    sizes = {(shape[axis], canvas[axis]) for shape in shapes for axis in (0, 1)}
    made = {(source, target): _compute_axis_response(source, target, tile) for source, target in sizes}
    rows, columns = (torch.stack([made[shape[axis], canvas[axis]] for shape in shapes]) for axis in (0, 1))
    if tile:  # `FourierBasis` leaves out the other columns of coefficients, complex conjugates of these.
        columns = columns[:, : canvas[1] // 2 + 1]
    squared_gains = torch.tensor(gains or [1.0] * len(levels), dtype=torch.float64).square()
    return multiply(rows.T, squared_gains[:, None] * columns).float()


def _compute_axis_response(source: int, target: int, tile: bool) -> Tensor:
    """Return |A' u|^2, (target,), float64, for every wave u of the frequency basis of one axis."""
    allow_interrupt()
    samples, weights = bicubic_taps(source, target, tile)
    if source**2 > _MANY_SAMPLES * target:
        return _compute_long_response(source, samples, weights, tile)
    basis = None if tile else CosineBasis(1, target, samples.device)
    energy = torch.zeros(target, dtype=torch.float64)
    # Some source samples at a time: all samples of a long axis together would take much memory.
    count = max(1, _MOST_AT_ONCE // target)
    for begin in pausing(range(0, source, count)):
        part = bicubic_columns(samples, weights, begin, min(begin + count, source)).T.float()
        kept = basis.forward(part[:, None]).squeeze(-2) if basis else torch.fft.fft(part, norm="ortho")
        energy += kept.abs().square().sum(dim=0)
    return energy


def _compute_long_response(source: int, samples: Tensor, weights: Tensor, tile: bool) -> Tensor:
    """Return what `_compute_axis_response` returns, in less time if `source` is large."""
    target = len(samples)
    samples, weights = samples.T.contiguous(), weights.T.contiguous()
    sums = torch.zeros(target if tile else 2 * target, dtype=torch.float64)
    for lag in pausing(range(4 * target // source + 2)):
        # The samples i and k = i + lag; past the end of a tile, k continues at its beginning.
        near = torch.arange(lag, target + lag if tile else target)
        first, second = slice(len(near)), near % target
        same = samples[:, None, first] == samples[:, second]
        entries = (weights[:, None, first] * weights[:, second]).where(same, 0).sum(dim=(0, 1))
        entries *= 2 if lag else 1  # The pair (k, i) has the same entry.
        sums[lag] += entries.sum()
        if not tile:
            sums[lag + 1 :: 2][: len(entries)] += entries  # i + k + 1
    energy = torch.fft.fft(sums).real[:target] / target
    if not tile:
        energy[0] /= 2
    return energy
