"""Cost: how the time of a step grows with the size of the picture, the levels, the views and the batch.

The result is a table and a chart. Along each curve of the chart only one setting changes. The exponent of a curve is
its slope on logarithmic axes. The points of a curve are timed by turns in one process.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import matplotlib
import torch
from matplotlib.figure import Figure

import direct_ascent as da
from benchmarks.common import HERE, time_by_turns
from das_core.ascent.ascent import Ascent
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.size import widen_margin
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation

JELLYFISH, VIEWS = 107, 16
FILE = HERE / "cost.png"


@dataclass(frozen=True)
class Setting:
    """The settings of a step. Along a curve of the chart, one of them changes and the others stay the same."""

    side: int = 224
    level_step: int = 4
    views: int = VIEWS
    batch: int = 1

    def make_step(self, judge: Classifier) -> Callable[[], object]:
        """Return a function that does the next step of an ascent at each call."""
        margin = widen_margin(self.side, self.side, 56)
        levels = linear_levels(self.side + 2 * margin, self.level_step)
        spec = StackSpec(self.side, self.side, margin, levels)
        wish = [da.classes(((JELLYFISH, 1.0),)).on(judge)]
        steps = iter(Ascent(ImageStack.gray(spec, self.batch), wish, Augmentation(self.views), steps=100_000))
        return lambda: next(steps)


@dataclass(frozen=True)
class Curve:
    """The points of one curve of the chart. Each point is a step to be timed; these steps differ in one setting
    only."""

    counts: str
    amounts: Sequence[float]
    settings: Sequence[Setting]


BASE = Setting()
SIDES, LEVEL_STEPS, VIEW_COUNTS, BATCHES = (
    (224, 320, 512, 768, 1024, 1536),
    (32, 16, 8, 4, 2, 1),
    (4, 8, 16, 32),
    (1, 2, 4),
)


def level_counts() -> list[int]:
    """Return how many levels a canvas of 336 x 336 has for each value of `Setting.level_step` in `LEVEL_STEPS`."""
    return [len(linear_levels(336, step)) for step in LEVEL_STEPS]


CURVES = (
    Curve("pixels of the picture", [side**2 for side in SIDES], [replace(BASE, side=side) for side in SIDES]),
    Curve("levels", level_counts(), [replace(BASE, level_step=step) for step in LEVEL_STEPS]),
    Curve("views", VIEW_COUNTS, [replace(BASE, views=views) for views in VIEW_COUNTS]),
    Curve("images of a batch", BATCHES, [replace(BASE, batch=batch) for batch in BATCHES]),
)


def fit_exponent(amounts: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the exponent with which time grows: 1 if twice the amount takes twice as long, 0 if it takes no longer."""
    x, y = torch.tensor(amounts).double().log(), torch.tensor(seconds).double().log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


def report(rounds: int = 5) -> str:
    """Run the benchmark, save its chart beside RESULTS.md, and return its section for RESULTS.md."""
    judge = load_starter()
    measured = [time_by_turns(rounds, *(setting.make_step(judge) for setting in curve.settings)) for curve in CURVES]
    draw(measured)
    rows = "\n".join(
        f"| {curve.counts} | {format_amounts(curve.amounts)} | {', '.join(f'{s / seconds[0]:.2f}' for s in seconds)} "
        f"| {fit_exponent(curve.amounts, seconds):.2f} |"
        for curve, seconds in zip(CURVES, measured, strict=True)
    )
    return f"""A step of {VIEWS} views of 224 x 224, EfficientNet-Lite0, defaults; one setting changes in each row. The
exponent is the slope over logarithms: 1 where twice as much takes twice as long, 0 where it costs nothing.

| what grows | from, to | times the first | exponent |
|---|---|---|---|
{rows}

![seconds of a step over what grows]({FILE.name})
"""


def format_amounts(amounts: Sequence[float]) -> str:
    """Return the first and the last amount as text, such as "4 to 32"."""
    return f"{amounts[0]:,.0f} to {amounts[-1]:,.0f}"


def draw(measured: Sequence[Sequence[float]]) -> None:
    """Plot all curves in one chart, and save it: the time of a step over an amount, such as the number of views."""
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for curve, seconds in zip(CURVES, measured, strict=True):
            grown = [amount / curve.amounts[0] for amount in curve.amounts]
            axes.plot(grown, [taken / seconds[0] for taken in seconds], "o-", label=curve.counts)
        axes.set(xscale="log", yscale="log", xlabel="times as much", ylabel="times as long")
        ticks = [
            2**power for power in range(math.ceil(math.log2(max(c.amounts[-1] / c.amounts[0] for c in CURVES))) + 1)
        ]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(FILE, dpi=110)
