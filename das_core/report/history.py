"""The history of an ascent (its scores and gradient norms, step by step) as a table, as text and as a chart."""

import csv
import io
from collections.abc import Sequence

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from torch import Tensor

from ..ascent.result import Record
from ..common.text import truncate
from .chart import BLUE, GREY, TEXT_SIZE, new_figure, render_figure, style_axes

_MAX_PANELS = 6  # With more, the chart would be too tall to be seen at once.
_MAX_TITLE = 40

# The beginnings of formulas in spreadsheets, which must not evaluate names from a stranger's workflow.
_FORMULA = ("=", "+", "-", "@")


def _list_objectives(history: Sequence[Record]) -> list[str]:
    """Return the names of all objectives in a history, each once, in the order in which they first occur."""
    if not history:
        raise ValueError("the history holds no step; use that of an ascent that has run")
    return list(dict.fromkeys(name for record in history for name in record.scores))


def tabulate_history(history: Sequence[Record]) -> str:
    """Write a history as comma-separated values, a line for each step; what looks like a formula gets an apostrophe."""
    names = _list_objectives(history)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["step", *(f"'{name}" if name.startswith(_FORMULA) else name for name in names), "gradient norm"])
    for record in history:
        scores = [record.scores.get(name, "") for name in names]
        table.writerow([record.step + 1, *scores, record.gradient_norm])
    return out.getvalue()


def format_history(history: Sequence[Record]) -> str:
    """Write the first, last and best score of each objective, and the gradient norms, as text."""
    lines = []
    for name in _list_objectives(history):
        steps, scores = _select_scores(history, name)
        best = max(range(len(scores)), key=scores.__getitem__)
        lines.append(
            f"{name}: {scores[0]:.3g} at step {steps[0]}, {scores[-1]:.3g} at step {steps[-1]}, "
            f"best {scores[best]:.3g} at step {steps[best]}"
        )
    ends = ", ".join(f"{record.gradient_norm:.3g} at step {record.step + 1}" for record in (history[0], history[-1]))
    return "\n".join([*lines, f"gradient norm: {ends}"])


def plot_history(history: Sequence[Record]) -> Tensor:
    """Draw a history as a chart (1, 3, H, W), 0..1: the scores of each objective, and the gradient norms.

    Args:
        history: the records of an ascent, in the order of the steps. More than six objectives share one panel.
    """
    names = _list_objectives(history)
    groups = [[name] for name in names] if len(names) <= _MAX_PANELS else [names]
    figure = new_figure(0.3 + 0.8 * (len(groups) + 1))
    panels = figure.subplots(len(groups) + 1, 1, sharex=True)
    for axes, group in zip(panels, groups, strict=False):
        for name in group:
            axes.plot(*_select_scores(history, name), color=BLUE if len(group) == 1 else None, linewidth=1.2)
        # Names are not formulas: a '$' in a name is drawn as a '$'.
        title = truncate(group[0], _MAX_TITLE) if len(group) == 1 else "scores"
        axes.set_title(title, parse_math=False, fontsize=TEXT_SIZE, pad=3)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    norms = panels[-1]
    norms.plot([record.step + 1 for record in history], [r.gradient_norm for r in history], color=GREY, linewidth=1.2)
    norms.set_title("norm of the gradient", fontsize=TEXT_SIZE, pad=3)
    norms.set_yscale("log")
    norms.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=4))
    norms.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    norms.yaxis.set_minor_formatter(NullFormatter())
    norms.set_xlabel("step", fontsize=TEXT_SIZE, labelpad=1)
    for axes in panels:
        style_axes(axes)
    return render_figure(figure)


def _select_scores(history: Sequence[Record], name: str) -> tuple[list[int], list[float]]:
    """Return the steps at which an objective has a score, counted from 1, and its scores there."""
    known = [(record.step + 1, record.scores[name]) for record in history if name in record.scores]
    return [step for step, _ in known], [score for _, score in known]
