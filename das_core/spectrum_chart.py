"""Spectra as text and as a chart."""

from matplotlib.axes import Axes
from torch import Tensor

from .chart import BLUE, GREY, blank, drawn
from .spectrum import BAND_EDGE, PHOTOGRAPH_SLOPE, Spectrum, fitted_slope

# More lines than that are no longer told apart by a legend.
_MOST_NAMED = 8

Levels = tuple[Tensor, Tensor]
"""Resolutions (K,) and variances (B, K)."""


def spectrum_text(found: Spectrum, levels: Levels | None = None) -> str:
    """The slopes of every image on a line of its own, then those of the levels of every stack."""
    lines = [
        f"{_name('image', number, len(found.slope))}: slope {slope:.2f}, low band {low:.2f}, high band {high:.2f}"
        for number, (slope, low, high) in enumerate(
            zip(found.slope.tolist(), found.low.tolist(), found.high.tolist(), strict=True)
        )
    ]
    lines.append(f"photographs: about {PHOTOGRAPH_SLOPE:.0f} for scenes, down to -3 for close-ups")
    if levels is not None:
        slopes = fitted_slope(*levels).tolist()
        lines += [f"{_name('levels', n, len(slopes))}: variance slope {slope:.2f}" for n, slope in enumerate(slopes)]
    return "\n".join(lines)


def spectrum_chart(found: Spectrum, levels: Levels | None = None) -> Tensor:
    """Power against frequency (1, 3, H, W), 0..1, with what is usual of photographs; beside it the levels' variance."""
    figure = blank(6 if levels is None else 11, 4.5)
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
        _lines(panels[1], resolutions, variances, "levels", fitted_slope(resolutions, variances))
        panels[1].set_xlabel("resolution of the level")
        panels[1].set_ylabel("variance")
    for panel in panels:
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False)
    return drawn(figure)


def _lines(axes: Axes, x: Tensor, rows: Tensor, what: str, slopes: Tensor) -> None:
    for number, (row, slope) in enumerate(zip(rows, slopes.tolist(), strict=True)):
        label = f"{_name(what, number, len(rows))}, slope {slope:.2f}" if len(rows) <= _MOST_NAMED else None
        axes.plot(x, row, ".-", color=BLUE if len(rows) == 1 else None, label=label)


def _name(what: str, number: int, count: int) -> str:
    return what if count == 1 else f"{what} {number + 1}"
