"""What pictures are like, whatever they show: objectives that ask the picture itself and no model."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from ..common.choices import check_choice
from ..common.radial_power import radial_power
from ..common.weighted_lines import check_weight
from .base import BaseObjective

PriorKind = Literal["total_variation", "l2", "spectrum", "range"]

# Below it a difference of neighbours counts by its square, so that flat areas have a gradient too: a step of 8 bits.
_FLAT = 1 / 255

# How near to black and white a value may come (of half the range) before it is pulled back.
_ROOM = 0.9
_BANDS_PER_OCTAVE = 2
_DARKEST = 1e-10
_FINEST = 0.5


@dataclass(frozen=True)
class Canvas:
    """The picture now and at the start of the ascent: pixels (B, 3, H, W), 0..1, margins included."""

    pixels: Tensor
    start: Tensor


@dataclass(frozen=True)
class Prior(BaseObjective):
    """A score of the picture itself, at most 0.

    `total_variation` is minus the mean difference of neighbouring pixels: smooths, edges stay. `l2` is minus the mean
    square distance to the start: keeps to it. `spectrum` is minus the mean square distance, in log power, of the radial
    spectrum to a line of slope -2 (photographs fall as 1/f^2: Field, 1987, J. Opt. Soc. Am. A 4, 2379): takes grain or
    blur away. `range` is minus the mean square of what lies beyond 90 % of the range: no burnt colours.

    Its gradient is brought to the scale of the models' like any other, so a weight of 0.2 pulls a fifth as hard.
    """

    kind: PriorKind = "total_variation"
    weight: float = 0.2

    def __post_init__(self) -> None:
        check_choice("prior", self.kind, get_args(PriorKind))
        check_weight(self.weight, "the prior")

    @property
    def judge(self) -> None:
        """No model is asked."""
        return None

    @property
    def name(self) -> str:
        """Its kind, in words."""
        return self.kind.replace("_", " ")

    def score(self, output: Canvas) -> Tensor:
        """The score (B,) of every image."""
        return _SCORES[self.kind](output)


def _total_variation(canvas: Canvas) -> Tensor:
    down = canvas.pixels.diff(dim=2)[:, :, :, :-1]
    right = canvas.pixels.diff(dim=3)[:, :, :-1]
    return -((down.square() + right.square() + _FLAT**2).sqrt() - _FLAT).mean(dim=(1, 2, 3))


def _l2(canvas: Canvas) -> Tensor:
    return -(canvas.pixels - canvas.start).square().mean(dim=(1, 2, 3))


def _range(canvas: Canvas) -> Tensor:
    return -F.relu((2 * canvas.pixels - 1).abs() - _ROOM).square().mean(dim=(1, 2, 3))


def _spectrum(canvas: Canvas) -> Tensor:
    power, frequency = measure_band_power(canvas.pixels)
    level = power.clamp(min=_DARKEST).log() + 2 * frequency.log()
    return -(level - level.mean(dim=1, keepdim=True)).square().mean(dim=1)


_SCORES = {"total_variation": _total_variation, "l2": _l2, "spectrum": _spectrum, "range": _range}


def measure_band_power(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean power (B, K) of images (B, 3, H, W) in half-octave bands, and their frequencies (K,).

    Frequencies are waves a pixel. The power is the mean of the channels.
    """
    # From four waves across the picture, below which the window sees itself, to the finest that fit in all directions.
    lowest = 4 / min(pixels.shape[2:])
    count = max(2, math.floor(_BANDS_PER_OCTAVE * math.log2(_FINEST / lowest)))
    edges = tuple(lowest * (_FINEST / lowest) ** (number / count) for number in range(count + 1))
    power, frequency = radial_power(pixels.flatten(0, 1), edges)
    return power.unflatten(0, pixels.shape[:2]).mean(dim=1), frequency.to(pixels)
