from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.ascent.result import Record
from das_core.report.history import format_history, plot_history, tabulate_history

HISTORY = tuple(
    Record(step, {"class 3": float(step), "a $ sign": -float(step)}, 1 / (step + 1)) for step in range(5, 9)
)
OTHER = (Record(9, {"other": 2.0}, 0.1),)


def test_the_text_says_where_every_score_came_from_and_went_and_two_ascents_are_one_history() -> None:
    assert format_history(HISTORY + OTHER).splitlines() == [
        "class 3: 5 at step 6, 8 at step 9, best 8 at step 9",
        "a $ sign: -5 at step 6, -8 at step 9, best -5 at step 6",
        "other: 2 at step 10, 2 at step 10, best 2 at step 10",
        "gradient norm: 0.167 at step 6, 0.1 at step 10",
    ]


def test_the_table_has_a_line_for_every_step_an_empty_field_where_there_is_no_score_and_no_formula() -> None:
    assert tabulate_history(HISTORY[:1] + OTHER) == (
        "step,class 3,a $ sign,other,gradient norm\n6,5.0,-5.0,,0.16666666666666666\n10,,,2.0,0.1\n"
    )
    # As names of columns, spreadsheets would compute these.
    for name in ("=1+1", "+1", "-1", "@now"):
        assert tabulate_history([Record(0, {name: 1.0}, 0.5)]).startswith(f"step,'{name},gradient norm\n")


def test_a_chart_shows_scores_and_gradients_and_has_a_panel_for_every_objective_up_to_six() -> None:
    heights = []
    for count in (1, 2, 6, 7):
        chart = plot_history([Record(step, {f"class {n}": 1.0 * n for n in range(count)}, 0.5) for step in range(3)])
        assert 0 <= chart.min() < chart.max() <= 1
        heights.append(chart.shape[2])
    assert heights == [380, 540, 1180, 380]
    gradients = [replace(record, gradient_norm=1.0) for record in HISTORY]
    scores = [replace(record, scores={**record.scores, "class 3": 1.0}) for record in HISTORY]
    for other in (gradients, scores):
        assert not torch.equal(plot_history(HISTORY), plot_history(other))


@each_case("norms", (1e-5, 2e-3), (0.021, 0.024), (0.5, 0.5), (3.0, 400.0))
def test_there_are_numbers_beside_the_gradient_whatever_its_size(norms: tuple[float, float]) -> None:
    chart = plot_history([Record(step, {"class 3": 1.0}, norm) for step, norm in enumerate(norms)])[0, 0]
    assert chart[220:320, :50].min() < 0.3
    assert chart[:, 0].min() == 1, "they do not reach the edge of the paper"


def test_an_empty_history_is_named() -> None:
    for function in (format_history, plot_history, tabulate_history):
        with pytest.raises(ValueError, match="the history holds no step; use that of an ascent that has run"):
            function(())
