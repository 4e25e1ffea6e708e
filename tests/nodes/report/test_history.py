"""Plot History: the text and the chart of one ascent, or of two in a row."""

from loaded_pack import Pack, assert_is_image, refuse_all


def test_a_history_and_the_one_before_it_are_plotted(pack: Pack) -> None:
    _, stack, _, early, _ = pack.optimize()
    late = pack.optimize(stack=stack)[3]
    assert "at step 3," in pack.run("DAS_PlotHistory", history=late)[0]
    both, chart = pack.run("DAS_PlotHistory", history=late, before=early)
    assert "at step 1," in both
    assert "at step 4," in both
    assert "class 0" in both
    assert_is_image(chart, 1, 380, 600)


test_what_cannot_be_is_refused = refuse_all(
    {
        "^the history holds no step; use that of an ascent that has run: connect the history output of Optimize$": (
            lambda pack: pack.run("DAS_PlotHistory", history=(), before=())
        )
    }
)
