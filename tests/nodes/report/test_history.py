"""Plot History: the text and the chart of one ascent, or of two in a row."""

import pytest

from cases import each_case
from loaded_pack import Pack, assert_is_image


def test_a_history_and_the_one_before_it_are_plotted(pack: Pack) -> None:
    _, stack, _, early, _ = pack.optimize()
    late = pack.optimize(stack=stack)[3]
    text, chart = pack.run("DAS_PlotHistory", history=late)
    assert "at step 3," in text
    both, joined = pack.run("DAS_PlotHistory", history=late, before=early)
    assert "at step 1," in both
    assert "at step 4," in both
    assert chart.shape == joined.shape == (1, 380, 600, 3)


def test_the_chart_is_an_image_and_the_text_names_every_objective(pack: Pack) -> None:
    asked = {f"objective{number}": pack.objective(classes=str(number)) for number in range(2)}
    text, chart = pack.run("DAS_PlotHistory", history=pack.optimize(objectives=asked)[3])
    assert_is_image(chart, 1, *chart.shape[1:3])
    assert [name for name in ("class 0", "class 1", "class 2") if name in text] == ["class 0", "class 1"]


@each_case("before", [{}, {"before": ()}])
def test_an_empty_history_is_answered_with_the_output_to_connect(pack: Pack, before: dict[str, tuple[()]]) -> None:
    message = "^the history holds no step; use that of an ascent that has run: connect the history output of Optimize$"
    with pytest.raises(ValueError, match=message):
        pack.run("DAS_PlotHistory", history=(), **before)


def test_a_history_before_is_enough(pack: Pack) -> None:
    early = pack.optimize()[3]
    assert pack.run("DAS_PlotHistory", history=(), before=early)[0] == pack.run("DAS_PlotHistory", history=early)[0]
