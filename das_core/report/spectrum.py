"""How much of an image is coarse and how much is fine: radial power spectra, against those of photographs.

The power of photographs falls about as 1 / f^2 with the frequency (Field, 1987; Torralba and Oliva, 2003), more steeply
in close-ups. Pictures made by ascent tend to have less in the top octaves, which a mean over all frequencies hides: the
slope is told for a low and a high band. Levels of a stack have a slope of their own, -2.48 in Direct Ascent Synthesis
(arXiv 2502.07753).
"""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor

from ..common.images import check_images
from ..common.radial_power import radial_power
from ..stack.decomposition import decompose
from ..stack.image_stack import ImageStack
from .chart import BLUE, GREY, new_figure, render_figure

PHOTOGRAPH_SLOPE = -2.0

BAND_EDGE = 1 / 8
"""Between the low and the high band, in waves a pixel: the high band is the two octaves up to the finest."""

SMALLEST_IMAGE = 64

# The window spreads every frequency over its neighbours: below this many waves a side, the mean is among them.
_FIRST_WAVE = 3
_BINS_PER_OCTAVE = 4
_FINEST = 0.5

# Less than a hundredth of a step of an 8-bit image is rounding.
_FAINTEST = 1e-5

# Rec. 601: how bright a colour looks.
_LUMA = (0.299, 0.587, 0.114)

# Levels with fewer samples a side have no variance to speak of.
_SMALLEST_LEVEL = 4


class EmptyLevelsError(ValueError):
    """A stack whose levels hold nothing that could be measured."""


@dataclass(frozen=True)
class Spectrum:
    """Mean power (B, K) of images in rings of frequency (K,), waves a pixel; slopes (B,) of its logarithm."""

    frequency: Tensor
    power: Tensor
    slope: Tensor
    low: Tensor
    high: Tensor


def measure_spectrum(images: Tensor) -> Spectrum:
    """The spectrum of the brightness of images (B, 3, H, W), under a Hann window: opposite edges do not meet."""
    check_images(images, "the image")
    height, width = images.shape[2:]
    if min(height, width) < SMALLEST_IMAGE:
        raise ValueError(
            f"the image of {width} x {height} is too small for a spectrum; {SMALLEST_IMAGE} pixels will do"
        )
    luma = torch.einsum("bchw,c->bhw", images.double(), images.new_tensor(_LUMA).double()).cpu()
    if not bool(((luma.amax(dim=(1, 2)) - luma.amin(dim=(1, 2))) > _FAINTEST).all()):
        raise ValueError(
            "the image is of one brightness all over, and has no spectrum; connect one that shows something"
        )
    power, frequency = radial_power(luma, _ring_edges(_FIRST_WAVE / min(height, width)))
    below = frequency < BAND_EDGE
    slopes = [fit_slope(frequency[chosen], power[:, chosen]) for chosen in (below | ~below, below, ~below)]
    return Spectrum(frequency, power, *slopes)


def measure_level_variances(stack: ImageStack) -> tuple[Tensor, Tensor]:
    """Resolutions (K,) of a stack and the variance (B, K) of its levels; those with a few samples are left out."""
    chosen = [
        (level, part)
        for level, part in zip(stack.spec.resolutions, decompose(stack).levels, strict=True)
        if min(part.shape[2:]) >= _SMALLEST_LEVEL
    ]
    if len(chosen) < 2:
        raise ValueError(
            f"the stack has {len(chosen)} levels of {_SMALLEST_LEVEL} samples and more; a slope needs at least 2"
        )
    variances = torch.stack([part.double().flatten(1).var(dim=1) for _, part in chosen], dim=1)
    if not bool((variances > 0).all()):
        raise EmptyLevelsError("the levels of the stack are empty: it has not climbed yet; use a stack that has")
    return torch.tensor([float(level) for level, _ in chosen], dtype=torch.float64), variances.cpu()


def fit_slope(x: Tensor, y: Tensor) -> Tensor:
    """The slope (B,) of log y (B, K) over log x (K,), by least squares."""
    across = x.log() - x.log().mean()
    return (y.log() @ across) / across.square().sum()


def _ring_edges(first: float) -> tuple[float, ...]:
    """Edges of rings up to the finest frequency, one of them at the edge of the bands."""
    below = math.floor(math.log2(BAND_EDGE / first) * _BINS_PER_OCTAVE)
    above = round(math.log2(_FINEST / BAND_EDGE) * _BINS_PER_OCTAVE)
    return tuple(BAND_EDGE * 2 ** (number / _BINS_PER_OCTAVE) for number in range(-below, above + 1))


# More lines than that are no longer told apart by a legend.
_MOST_NAMED = 8

Levels = tuple[Tensor, Tensor]
"""Resolutions (K,) and variances (B, K)."""


def format_spectrum(found: Spectrum, levels: Levels | None = None) -> str:
    """The slopes of every image on a line of its own, then those of the levels of every stack."""
    lines = [
        f"{_name('image', number, len(found.slope))}: slope {slope:.2f}, low band {low:.2f}, high band {high:.2f}"
        for number, (slope, low, high) in enumerate(
            zip(found.slope.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
        )
    ]
    lines.append(f"photographs: about {PHOTOGRAPH_SLOPE:.0f} for scenes, down to -3 for close-ups")
    if levels is not None:
        slopes = fit_slope(*levels).tolist()
        lines += [f"{_name('levels', n, len(slopes))}: variance slope {slope:.2f}" for n, slope in enumerate(slopes)]
    return "\n".join(lines)


def plot_spectrum(found: Spectrum, levels: Levels | None = None) -> Tensor:
    """Power against frequency (1, 3, H, W), 0..1, with what is usual of photographs; beside it the levels' variance."""
    figure = new_figure(6 if levels is None else 11, 4.5)
    panels = figure.subplots(1, 1 if levels is None else 2, squeeze=False)[0]
    axes = panels[0]
    _lines(axes, found.frequency, found.power, "image", found.slope)
    middle = found.power.log().mean(dim=0)
    usual = PHOTOGRAPH_SLOPE * (found.frequency.log() - found.frequency.log().mean()) + middle.mean()
    axes.plot(found.frequency, usual.exp(), "--", color=GREY, label="photographs, 1 / f²")
    axes.axvline(BAND_EDGE, color=GREY, linewidth=0.5)
    axes.set_xlabel("frequency, waves a pixel (low band | high band)")
    axes.set_ylabel("power")
    if levels is not None:
        resolutions, variances = levels
        _lines(panels[1], resolutions, variances, "levels", fit_slope(resolutions, variances))
        panels[1].set_xlabel("resolution of the level")
        panels[1].set_ylabel("variance")
    for panel in panels:
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False)
    return render_figure(figure)


def _lines(axes: Axes, x: Tensor, rows: Tensor, what: str, slopes: Tensor) -> None:
    for number, (row, slope) in enumerate(zip(rows, slopes.tolist(), strict=True)):
        label = f"{_name(what, number, len(rows))}, slope {slope:.2f}" if len(rows) <= _MOST_NAMED else None
        axes.plot(x, row, ".-", color=BLUE if len(rows) == 1 else None, label=label)


def _name(what: str, number: int, count: int) -> str:
    return what if count == 1 else f"{what} {number + 1}"
