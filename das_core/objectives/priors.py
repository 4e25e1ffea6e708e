"""Objectives that score the pixels of the whole canvas, margins included, without a judge."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import keep_copy
from ..common.interruption import pausing
from ..common.radial_power import radial_power
from .objective import Objective, make_objective

PriorKind = Literal["total_variation", "l2", "spectrum", "range"]

# One step of an 8-bit image. A difference of neighbouring pixels above this counts about in proportion to its size, and
# a smaller difference about in proportion to its square, so that the gradient of the score is finite in flat areas.
_FLAT = 1 / 255

_FREE_RANGE = 0.9  # On a scale from -1 (black) to 1 (white), values from -0.9 to 0.9 cost nothing.

_BANDS_PER_OCTAVE = 2

_MIN_POWER = 1e-10  # Of a band: a flat image has no power, and the logarithm of 0 is infinite.
_MAX_FREQUENCY = 0.5  # The frequency of the finest pattern that pixels can show, in waves per pixel.


@dataclass(frozen=True, eq=False)
class CanvasPixels:
    """What an objective without a judge scores: pixels (B, 3, H, W), 0..1, now and at the start, margins included."""

    pixels: Tensor
    start: Tensor


def prior(kind: PriorKind = "total_variation", weight: float = 0.2) -> Objective:
    """Return a score of the pixels of the whole canvas, at most 0, that keeps the picture natural whatever it shows.

    Args:
        kind: `total_variation`: minus the mean length of the image gradient; it smooths areas and keeps edges. `l2`:
            minus the mean squared distance to the start. `spectrum`: on logarithmic axes, minus the mean squared
            distance of the radial power spectrum to the best line of slope -2, that of photographs (Field, 1987, J.
            Opt. Soc. Am. A 4, 2379); it removes grain and blur. `range`: on a scale from -1 (black) to 1 (white), minus
            the mean square of how far values lie outside -0.9..0.9; it prevents clipped colours.
        weight: see `Term`; at 0.2 a prior has a fifth of the effect of an objective of weight 1.
    """
    check_choice("prior", kind, get_args(PriorKind))
    return weight * make_objective(kind.replace("_", " "), [(None, PriorScore(kind))])


@dataclass(frozen=True)
class PriorScore:
    """The score of a prior, see `prior`."""

    kind: PriorKind

    def __call__(self, output: CanvasPixels, images: Tensor) -> Tensor:
        """Return the score of every canvas, (B,)."""
        # Image by image, so that a large batch can be cancelled in between.
        pairs = pausing(zip(output.pixels.split(1), output.start.split(1), strict=True))
        return torch.cat([_SCORES[self.kind](CanvasPixels(now, start)) for now, start in pairs])


def _score_total_variation(canvas: CanvasPixels) -> Tensor:
    """Return minus the mean length (B,) of the image gradient: the differences to the pixels below and to the right."""
    # The last column of `down` and the last row of `right` are cut off, so that both have the same pixels.
    down = canvas.pixels.diff(dim=2)[:, :, :, :-1]
    right = canvas.pixels.diff(dim=3)[:, :, :-1]
    return -((down.square() + right.square() + _FLAT**2).sqrt() - _FLAT).mean(dim=(1, 2, 3))


def _score_spectrum(canvas: CanvasPixels) -> Tensor:
    """Return minus the mean squared distance (B,) of the power spectrum to its best-fitting line of slope -2."""
    power, frequency = measure_band_power(canvas.pixels)
    # On a line of slope -2, `level` is the same at all frequencies.
    level = power.clamp(min=_MIN_POWER).log() + 2 * frequency.log()
    return -(level - level.mean(dim=1, keepdim=True)).square().mean(dim=1)


_SCORES: dict[PriorKind, Callable[[CanvasPixels], Tensor]] = {
    "total_variation": _score_total_variation,
    "l2": lambda canvas: -(canvas.pixels - canvas.start).square().mean(dim=(1, 2, 3)),
    "spectrum": _score_spectrum,
    "range": lambda canvas: -F.relu((2 * canvas.pixels - 1).abs() - _FREE_RANGE).square().mean(dim=(1, 2, 3)),
}


def measure_band_power(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the radial power (B, N) of images (B, 3, H, W) in bands of half an octave, and their frequencies (N,)."""
    # Below four waves across the short side, the Hann window of `radial_power` dominates the spectrum. Above half a
    # wave per pixel there are frequencies near the diagonals only.
    lowest = 4 / min(pixels.shape[2:])
    count = max(2, math.floor(_BANDS_PER_OCTAVE * math.log2(_MAX_FREQUENCY / lowest)))
    edges = tuple(lowest * (_MAX_FREQUENCY / lowest) ** (number / count) for number in range(count + 1))
    power, frequency = radial_power(pixels.flatten(0, 1), edges)
    return power.unflatten(0, pixels.shape[:2]).mean(dim=1), keep_copy(frequency, pixels)
