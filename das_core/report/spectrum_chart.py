"""Spectra of images and variances of levels as text and as a chart, with the slope of photographs for comparison."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator
from torch import Tensor

from .chart import BLUE, GREY, TEXT_SIZE, TICK_SIZE, new_figure, render_figure, style_axes
from .spectrum import BAND_EDGE, PHOTOGRAPH_SLOPE, Levels, Spectrum, fit_slope

_MAX_LEGEND_LINES = 4  # A legend does not help to tell more lines apart.


def format_spectrum(found: Spectrum, levels: Levels | None = None) -> str:
    """Write the slopes of each image (all, low and high frequencies), of photographs, and of levels."""
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
    """Draw a chart (1, 3, H, W), 0..1: power against frequency, and variance of levels against resolution."""
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
        panel.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}")
        )
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylabel(vertical, fontsize=TEXT_SIZE, labelpad=1)
        panel.set_xlabel(horizontal, fontsize=TEXT_SIZE, labelpad=1)
        style_axes(panel)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False, fontsize=TICK_SIZE, handlelength=1.2, labelspacing=0.2, borderaxespad=0.2)
    return render_figure(figure)


def _draw_lines(axes: Axes, x: Tensor, rows: Tensor, what: str, slopes: Tensor) -> None:
    for number, (row, slope) in enumerate(zip(rows, slopes.tolist(), strict=True)):
        label = f"{_label_item(what, number, len(rows))}, slope {slope:.2f}" if len(rows) <= _MAX_LEGEND_LINES else None
        axes.plot(x, row, ".-", linewidth=1.2, markersize=3, color=BLUE if len(rows) == 1 else None, label=label)


def _label_item(what: str, number: int, count: int) -> str:
    """Return the name of an item of a batch: `what` and a number that counts from 1, such as 'image 1'."""
    return what if count == 1 else f"{what} {number + 1}"
