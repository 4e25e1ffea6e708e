"""Radial power spectra of images, compared with those of photographs, and the variances of the levels of a stack.

The power of photographs falls with the frequency f about as 1 / f^2 (Field, 1987; Torralba and Oliva, 2003), more
steeply in close-ups: on logarithmic axes the spectrum is a line of slope -2. Pictures made by ascent tend to lack power
in the top octaves, which one slope over all frequencies hides. So the slope is also measured in a low and a high band.

The variance of the levels of a stack, against their resolution, has a slope too: -2.48 in Direct Ascent Synthesis
(arXiv 2502.07753).
"""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator
from torch import Tensor

from ..common.images import Images, check_images, map_images
from ..common.interruption import pausing
from ..common.radial_power import radial_power
from ..stack.decomposition import decompose
from ..stack.image_stack import ImageStack
from .chart import BLUE, GREY, TEXT_SIZE, TICK_SIZE, new_figure, render_figure, style_axes

PHOTOGRAPH_SLOPE = -2.0
"""The slope of log power over log frequency in photographs of scenes."""

BAND_EDGE = 1 / 8
"""The frequency, in waves per pixel, that separates the low band from the high band, the two finest octaves."""

SMALLEST_IMAGE = 64
"""The least width and height, in pixels, of an image whose spectrum is measured."""

# The lowest frequency that is measured, in waves across the short side. Lower ones have few coefficients, and the Hann
# window mixes the lowest of them with frequency 0, whose power was removed with the mean.
_MIN_WAVES = 3
_BINS_PER_OCTAVE = 4
_MAX_FREQUENCY = 0.5

# A range of brightness below this, about a four-hundredth of a step of an 8-bit image, is taken for rounding errors.
_MIN_BRIGHTNESS_RANGE = 1e-5

# The brightness of red, green and blue (Rec. 601).
_LUMA = (0.299, 0.587, 0.114)

# Levels with fewer samples on their short side are left out: the variance of so few says little.
_MIN_LEVEL_SAMPLES = 4


class EmptyLevelsError(ValueError):
    """The error for a stack whose levels hold nothing that could be measured."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The radial power spectra of a batch of images.

    Args:
        frequency: the middle of each of R rings of frequencies, (R,), in waves per pixel, from coarse to fine, at most
            0.5.
        power: the mean power of each image in each ring, (B, R).
        slope: the slope of log power over log frequency for each image, (B,). About -2 for photographs; nearer to 0
            means more fine detail, and lower means less.
        low: the slope in the low band, below `BAND_EDGE`, (B,).
        high: the slope in the high band, above `BAND_EDGE`, (B,).

    Example:
        >>> import torch
        >>> from das_core import measure_spectrum
        >>> noise = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> spectrum = measure_spectrum(noise)
        >>> spectrum.frequency.shape, spectrum.power.shape, spectrum.slope.shape
        (torch.Size([13]), torch.Size([2, 13]), torch.Size([2]))
    """

    frequency: Tensor
    power: Tensor
    slope: Tensor
    low: Tensor
    high: Tensor


def measure_spectrum(images: Images) -> Spectrum:
    """Measure the spectrum of the brightness of images.

    The images are multiplied by a Hann window first, so that the step between their opposite edges does not count as
    detail.

    Args:
        images: (B, 3, H, W), 0..1, at least 64 pixels wide and high.

    Returns:
        The spectrum of every image, float64, on the CPU.

    Raises:
        ValueError: when the images are too small, one of them has the same brightness everywhere, or they are not
            (B, 3, H, W), hold whole numbers, or values that are not finite.

    Example:
        >>> import torch
        >>> from das_core import measure_spectrum
        >>> noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> smooth = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)
        >>> [round(measure_spectrum(images).high.item(), 1) for images in (noise, smooth)]
        [-0.1, -3.6]
    """
    images = check_images(images, "the image")
    height, width = images.shape[2:]
    if min(height, width) < SMALLEST_IMAGE:
        raise ValueError(
            f"the image of {width} x {height} is too small for a spectrum; {SMALLEST_IMAGE} pixels will do"
        )
    weights = torch.tensor(_LUMA).double()
    luma = map_images(lambda part: torch.einsum("bchw,c->bhw", part.cpu().double(), weights), images)
    if not bool(((luma.amax(dim=(1, 2)) - luma.amin(dim=(1, 2))) > _MIN_BRIGHTNESS_RANGE).all()):
        raise ValueError(
            "the image is of one brightness all over, and has no spectrum; connect one that shows something"
        )
    power, frequency = radial_power(luma, _make_ring_edges(_MIN_WAVES / min(height, width)))
    below = frequency < BAND_EDGE
    bands = (torch.ones_like(below), below, ~below)
    slopes = [fit_slope(frequency[band], power[:, band]) for band in bands]
    return Spectrum(frequency, power, *slopes)


def measure_level_variances(stack: ImageStack) -> tuple[Tensor, Tensor]:
    """Measure the variance of every level of a stack.

    Args:
        stack: a stack that shows something: its levels must not be empty.

    Returns:
        The resolutions of N levels (N,) and their variances over all samples and channels (B, N), float64, on the CPU.
        Levels with fewer than 4 samples on their short side are left out.

    Raises:
        ValueError: when fewer than two levels are left, or a level is empty (`EmptyLevelsError`).

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.report import measure_level_variances
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8, levels=(1, 6, 48)), decay=0.5)
        >>> resolutions, variances = measure_level_variances(stack)
        >>> resolutions.tolist(), [[round(value, 4) for value in row] for row in variances.tolist()]
        ([6.0, 48.0], [[0.1469, 0.0202]])
    """
    chosen = [
        (level, part)
        for level, part in zip(stack.spec.resolutions, decompose(stack).levels, strict=True)
        if min(part.shape[2:]) >= _MIN_LEVEL_SAMPLES
    ]
    if len(chosen) < 2:
        raise ValueError(
            f"the stack has {len(chosen)} levels of {_MIN_LEVEL_SAMPLES} samples and more; a slope needs at least 2"
        )
    found = []
    for _, part in pausing(chosen):
        found.append(part.cpu().double().flatten(1).var(dim=1))
    variances = torch.stack(found, dim=1)
    if not bool((variances > 0).all()):
        raise EmptyLevelsError("the levels of the stack are empty: it has not climbed yet; use a stack that has")
    return torch.tensor([float(level) for level, _ in chosen], dtype=torch.float64), variances


def fit_slope(x: Tensor, y: Tensor) -> Tensor:
    """Fit lines on logarithmic axes by least squares.

    Args:
        x: N positions (N,), above 0.
        y: the values (B, N), above 0, of the same floating-point type.

    Returns:
        The slope (B,) of log y over log x.
    """
    across = x.log() - x.log().mean()
    return (y.log() @ across) / across.square().sum()


def _make_ring_edges(first: float) -> tuple[float, ...]:
    """Return the edges of rings from about `first` to the finest frequency, in waves per pixel; one is `BAND_EDGE`."""
    below = math.floor(math.log2(BAND_EDGE / first) * _BINS_PER_OCTAVE)
    above = round(math.log2(_MAX_FREQUENCY / BAND_EDGE) * _BINS_PER_OCTAVE)
    return tuple(BAND_EDGE * 2 ** (number / _BINS_PER_OCTAVE) for number in range(-below, above + 1))


# Beyond this, a legend no longer helps to tell lines apart.
_MAX_LEGEND_LINES = 4

Levels = tuple[Tensor, Tensor]
"""Resolutions (N,) and variances (B, N), as `measure_level_variances` returns them."""


def format_spectrum(found: Spectrum, levels: Levels | None = None) -> str:
    """Write slopes as text.

    Args:
        found: the spectra of images.
        levels: the variances of the levels of stacks; None for none.

    Returns:
        A line for each image, a line about photographs to compare with, and a line for each stack.
    """
    lines = [
        f"{_label_item('image', number, len(found.slope))}: slope {slope:.2f}, low band {low:.2f}, high band {high:.2f}"
        for number, (slope, low, high) in enumerate(
            zip(found.slope.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
        )
    ]
    lines.append(f"photographs: about {PHOTOGRAPH_SLOPE:.0f} for scenes, down to -3 for close-ups")
    if levels is not None:
        slopes = fit_slope(*levels).tolist()
        lines += [
            f"{_label_item('levels', n, len(slopes))}: variance slope {slope:.2f}" for n, slope in enumerate(slopes)
        ]
    return "\n".join(lines)


def plot_spectrum(found: Spectrum, levels: Levels | None = None) -> Tensor:
    """Draw spectra as a chart: power against frequency, and below it the variance of levels against resolution.

    Args:
        found: the spectra of images. A dashed line with the slope of photographs is drawn for comparison, at the mean
            height of the spectra.
        levels: the variances of the levels of stacks; None for no second panel.

    Returns:
        The chart (1, 3, H, W), 0..1.

    Example:
        >>> import torch
        >>> from das_core import measure_spectrum
        >>> from das_core.report import plot_spectrum
        >>> noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> plot_spectrum(measure_spectrum(noise)).shape
        torch.Size([1, 3, 450, 600])
    """
    figure = new_figure(2.25 if levels is None else 3.3)
    panels = figure.subplots(1 if levels is None else 2, 1, squeeze=False)[:, 0]
    axes = panels[0]
    _draw_lines(axes, found.frequency, found.power, "image", found.slope)
    middle = found.power.log().mean(dim=0)
    usual = PHOTOGRAPH_SLOPE * (found.frequency.log() - found.frequency.log().mean()) + middle.mean()
    axes.plot(found.frequency, usual.exp(), "--", color=GREY, linewidth=1, label="photographs, 1 / f²")
    axes.axvline(BAND_EDGE, color=GREY, linewidth=0.5)
    labels = [("power", "waves a pixel, high band from 1/8 on")]
    if levels is not None:
        resolutions, variances = levels
        _draw_lines(panels[1], resolutions, variances, "levels", fit_slope(resolutions, variances))
        labels.append(("variance", "resolution of the level"))
    for panel, (vertical, horizontal) in zip(panels, labels, strict=True):
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(_write_power_of_two))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylabel(vertical, fontsize=TEXT_SIZE, labelpad=1)
        panel.set_xlabel(horizontal, fontsize=TEXT_SIZE, labelpad=1)
        style_axes(panel)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False, fontsize=TICK_SIZE, handlelength=1.2, labelspacing=0.2, borderaxespad=0.2)
    return render_figure(figure)


def _write_power_of_two(value: float, _: object) -> str:
    """Write a number along an axis: a fraction below 1."""
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def _draw_lines(axes: Axes, x: Tensor, rows: Tensor, what: str, slopes: Tensor) -> None:
    """Draw each of the rows (B, N) over x (N,) as a line, with its slope in the legend unless there are too many."""
    for number, (row, slope) in enumerate(zip(rows, slopes.tolist(), strict=True)):
        label = f"{_label_item(what, number, len(rows))}, slope {slope:.2f}" if len(rows) <= _MAX_LEGEND_LINES else None
        axes.plot(x, row, ".-", linewidth=1.2, markersize=3, color=BLUE if len(rows) == 1 else None, label=label)


def _label_item(what: str, number: int, count: int) -> str:
    """Return the name of an item of a batch: 'image' if it is the only one, else 'image 1', 'image 2' and so on."""
    return what if count == 1 else f"{what} {number + 1}"
