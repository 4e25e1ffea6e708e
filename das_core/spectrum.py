"""How much of an image is coarse and how much is fine: radial power spectra, against those of photographs.

The power of photographs falls about as 1 / f^2 with the frequency (Field, 1987; Torralba and Oliva, 2003), more steeply
in close-ups. Pictures made by ascent tend to have less in the top octaves, which a mean over all frequencies hides: the
slope is told for a low and a high band. Levels of a stack have a slope of their own, -2.48 in Direct Ascent Synthesis
(arXiv 2502.07753).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .images import check_images
from .parts import parts
from .stack import ImageStack

PHOTOGRAPH_SLOPE = -2.0
BAND_EDGE = 1 / 8
"""Between the low and the high band, in waves a pixel: the high band is the two octaves up to the finest."""

SMALLEST_IMAGE = 64
# The window spreads every frequency over its neighbours: below this many waves a side, the mean is among them.
_FIRST_WAVE = 3
_BINS_PER_OCTAVE = 4
_FINEST = 0.5
# Rec. 601: how bright a colour looks.
_LUMA = (0.299, 0.587, 0.114)
# Levels with fewer samples a side have no variance to speak of.
_SMALLEST_LEVEL = 4


@dataclass(frozen=True)
class Spectrum:
    """Mean power (B, K) of images in rings of frequency (K,), waves a pixel; slopes (B,) of its logarithm."""

    frequency: Tensor
    power: Tensor
    slope: Tensor
    low: Tensor
    high: Tensor


def spectrum(images: Tensor) -> Spectrum:
    """The spectrum of the brightness of images (B, 3, H, W), under a Hann window: opposite edges do not meet."""
    check_images(images, "the image")
    height, width = images.shape[2:]
    if min(height, width) < SMALLEST_IMAGE:
        raise ValueError(
            f"the image of {width} x {height} is too small for a spectrum; {SMALLEST_IMAGE} pixels will do"
        )
    luma = torch.einsum("bchw,c->bhw", images.double(), images.new_tensor(_LUMA).double())
    luma = luma - luma.mean(dim=(1, 2), keepdim=True)
    window = _hann(height)[:, None] * _hann(width)[None, :]
    coefficients = torch.fft.fft2(luma * window.to(luma))
    power = coefficients.abs().square() / window.square().sum()
    if not bool((power.amax(dim=(1, 2)) > 1e-12).all()):
        raise ValueError(
            "the image is of one brightness all over, and has no spectrum; connect one that shows something"
        )
    rows, columns = (torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    radius = torch.hypot(rows[:, None], columns[None, :])
    edges = _edges(_FIRST_WAVE / min(height, width))
    ring = torch.bucketize(radius, edges, right=True).flatten()
    count = torch.bincount(ring, minlength=len(edges) + 1)
    sums = torch.zeros(len(images), len(count), dtype=torch.float64).index_add_(1, ring, power.flatten(1).cpu())
    kept = [number for number in range(1, len(edges)) if count[number]]
    frequency = (edges[:-1] * edges[1:]).sqrt()[[number - 1 for number in kept]]
    rings = sums[:, kept] / count[kept]
    below = frequency < BAND_EDGE
    slopes = [fitted_slope(frequency[chosen], rings[:, chosen]) for chosen in (below | ~below, below, ~below)]
    return Spectrum(frequency, rings, *slopes)


def level_variances(stack: ImageStack) -> tuple[Tensor, Tensor]:
    """Resolutions (K,) of a stack and the variance (B, K) of its levels; those with a few samples are left out."""
    chosen = [
        (level, part)
        for level, part in zip(stack.spec.resolutions, parts(stack).levels, strict=True)
        if min(part.shape[2:]) >= _SMALLEST_LEVEL
    ]
    if len(chosen) < 2:
        raise ValueError(
            f"the stack has {len(chosen)} levels of {_SMALLEST_LEVEL} samples and more; a slope needs at least 2"
        )
    variances = torch.stack([part.double().flatten(1).var(dim=1) for _, part in chosen], dim=1)
    if not bool((variances > 0).all()):
        raise ValueError("the levels of the stack are empty: it has not climbed yet; connect the stack of Optimize")
    return torch.tensor([float(level) for level, _ in chosen], dtype=torch.float64), variances.cpu()


def fitted_slope(x: Tensor, y: Tensor) -> Tensor:
    """The slope (B,) of log y (B, K) over log x (K,), by least squares."""
    across = x.log() - x.log().mean()
    return (y.log() @ across) / across.square().sum()


def _hann(side: int) -> Tensor:
    return torch.hann_window(side, periodic=True, dtype=torch.float64)


def _edges(first: float) -> Tensor:
    """Edges of rings up to the finest frequency, one of them at the edge of the bands."""
    below = math.floor(math.log2(BAND_EDGE / first) * _BINS_PER_OCTAVE)
    above = round(math.log2(_FINEST / BAND_EDGE) * _BINS_PER_OCTAVE)
    return BAND_EDGE * 2 ** (torch.arange(-below, above + 1, dtype=torch.float64) / _BINS_PER_OCTAVE)
