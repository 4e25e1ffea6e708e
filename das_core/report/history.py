"""The course of an ascent: its scores and its gradient, step by step, as text and as a chart."""

from collections.abc import Sequence

from torch import Tensor

from ..ascent.result import Record
from ..common.text import truncate
from .chart import BLUE, GREY, new_figure, render_figure

# Scores of many objectives share one panel: a panel each would no longer be seen at once.
_MOST_PANELS = 6


class EmptyHistoryError(ValueError):
    """A history without a step."""


def list_objectives(history: Sequence[Record]) -> list[str]:
    """The names of all objectives, in the order in which they come up; ValueError where there is no step."""
    if not history:
        raise EmptyHistoryError("the history holds no step; use that of an ascent that has run")
    return list(dict.fromkeys(name for record in history for name in record.scores))


def format_history(history: Sequence[Record]) -> str:
    """Every objective with its score at the first and the last of its steps and its best one, then the gradient."""
    lines = []
    for name in list_objectives(history):
        steps, scores = _scores(history, name)
        best = max(range(len(scores)), key=scores.__getitem__)
        lines.append(
            f"{name}: {scores[0]:.3g} at step {steps[0]}, {scores[-1]:.3g} at step {steps[-1]}, "
            f"best {scores[best]:.3g} at step {steps[best]}"
        )
    first, last = history[0], history[-1]
    lines.append(
        f"gradient norm: {first.gradient_norm:.3g} at step {first.step + 1}, {last.gradient_norm:.3g} at step "
        f"{last.step + 1}"
    )
    return "\n".join(lines)


def plot_history(history: Sequence[Record]) -> Tensor:
    """Score against step for each objective, and the norm of the gradient below: (1, 3, H, W), 0..1."""
    names = list_objectives(history)
    groups = [[name] for name in names] if len(names) <= _MOST_PANELS else [names]
    figure = new_figure(7, 1.2 + 1.9 * (len(groups) + 1))
    panels = figure.subplots(len(groups) + 1, 1, sharex=True)
    for axes, group in zip(panels, groups, strict=False):
        for name in group:
            axes.plot(*_scores(history, name), color=BLUE if len(group) == 1 else None, label=truncate(name, 32))
        # Names are no formulas: a '$' in one stays a '$'.
        axes.set_title(truncate(group[0], 64) if len(group) == 1 else "scores", parse_math=False, fontsize=10)
        axes.set_ylabel("score")
    panels[-1].plot([record.step + 1 for record in history], [r.gradient_norm for r in history], color=GREY)
    panels[-1].set_title("gradient at the canvas", fontsize=10)
    panels[-1].set_ylabel("norm")
    panels[-1].set_yscale("log")
    panels[-1].set_xlabel("step")
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return render_figure(figure)


def _scores(history: Sequence[Record], name: str) -> tuple[list[int], list[float]]:
    """Steps, counted from 1, and the scores of an objective at them."""
    known = [(record.step + 1, record.scores[name]) for record in history if name in record.scores]
    return [step for step, _ in known], [score for _, score in known]
