import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from cases import each_case
from das_core.report import chart
from das_core.report.chart import LIGHT_BLUE, estimate_chart_bytes, new_figure, plot_bars, wrap_name

BLUE, RED = (torch.tensor([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for name in (LIGHT_BLUE, "#f5c1b0"))


def is_colour(drawn: Tensor, colour: Tensor) -> Tensor:
    """Where a chart (1, 3, H, W) has a colour, (H, W)."""
    return (drawn[0] - colour[:, None, None]).abs().amax(dim=0) < 0.02


def bar_lengths(drawn: Tensor) -> list[int]:
    """How many pixels long each bar is, from the top of a chart (1, 3, H, W) down."""
    blue = is_colour(drawn, BLUE).sum(dim=1).tolist()
    bars: list[int] = []
    for before, row in zip([0, *blue], blue, strict=False):
        if row > 2 and before <= 2:
            bars.append(row)
        elif row > 2:
            bars[-1] = max(bars[-1], row)
    return bars


def test_a_figure_is_white_paper_and_what_is_drawn_stands_where_it_should_in_its_colour() -> None:
    before = plt.get_fignums()
    figure = new_figure(1.35)
    image = chart.render_figure(figure)
    assert torch.equal(image, torch.ones(1, 3, 270, 600))
    assert image.is_contiguous()
    # In fractions of the figure, from its lower left corner.
    figure.add_artist(Rectangle((0, 0.5), 0.5, 0.5, color=LIGHT_BLUE, linewidth=0))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.5, 0, 0.5, 0.5))
    chart.style_axes(axes)
    again = chart.render_figure(figure)
    torch.testing.assert_close(again[0, :, 60, 150], BLUE, rtol=0, atol=1e-6)
    assert torch.equal(again[0, :, 60, 450], torch.ones(3))
    assert torch.equal(again[0, :, 220, 150], torch.ones(3))
    assert [side for side, spine in axes.spines.items() if spine.get_visible()] == ["left", "bottom"]
    # An image does not change with its figure, which pyplot does not keep.
    assert image.min() == 1
    assert plt.get_fignums() == before


def test_bars_are_as_long_as_their_values_from_the_top_and_highest_is_the_end_of_the_axis() -> None:
    bars = [("a", 1.0), ("b", 0.5), ("c", 0.25), ("d", 0.0)]
    drawn = plot_bars(bars, "Lite0")
    assert drawn.shape == (1, 3, int(200 * (0.25 + 4 * (1.2 * 8 / 72 + 0.05))), 600)
    assert 0 <= drawn.min() < drawn.max() == 1
    assert torch.equal(plot_bars(bars, "Lite0"), drawn)
    longest, *others = bar_lengths(drawn)
    assert [length / longest for length in others] == pytest.approx([0.5, 0.25], abs=0.02)
    short, long = (bar_lengths(plot_bars([("a", value)], "t", highest=10))[0] for value in (1.0, 10.0))
    assert long / short == pytest.approx(10, rel=0.1)
    # Rows can be given more lines than their names take.
    assert torch.equal(plot_bars(bars, "Lite0", lines=[1] * 4), drawn)
    higher = plot_bars(bars, "Lite0", lines=[2, 1, 1, 1])
    assert higher.shape[2] > drawn.shape[2]
    assert bar_lengths(higher) == [longest, *others]


def test_bars_below_0_go_left_in_another_colour_and_none_goes_below_a_number() -> None:
    drawn = plot_bars([("", 1.0), ("", -2.0)], "", highest=1, lowest=-2, written=lambda _: "")
    columns = [is_colour(drawn, colour).any(dim=0).nonzero() for colour in (BLUE, RED)]
    blue, below = ((int(found.min()), int(found.max())) for found in columns)
    assert below[1] <= blue[0]
    assert (below[1] - below[0]) / (blue[1] - blue[0]) == pytest.approx(2, abs=0.05)
    # The numbers have 0.55 inches of 200 pixels at the right edge.
    assert blue[1] < 600 - 110


@each_case("text", "x" * 300, "Überraschung é ñ", "a\nb", "", "<b>&amp;</b>")
def test_names_of_all_sorts_fit_into_the_chart(text: str) -> None:
    drawn = plot_bars([(text, 0.5), ("b", 0.25)], text)
    # The name takes nothing from the width of its bar.
    assert bar_lengths(drawn) == pytest.approx([0.5 * (600 - 2 * 10), 0.25 * (600 - 2 * 10)], abs=4)
    assert float(torch.cat([drawn[..., 0], drawn[..., -1]], dim=-1).min()) == 1


@each_case("text", "$x$", "$\\frac{", "\\alpha_1^2")
def test_names_are_no_formulas(text: str) -> None:
    escaped = text.replace("$", r"\$")
    # Were they read as formulas, the escaped form would look the same.
    for made, other in (
        (plot_bars([(text, 0.5)], "title"), plot_bars([(escaped, 0.5)], "title")),
        (plot_bars([("a", 0.5)], text), plot_bars([("a", 0.5)], escaped)),
    ):
        assert torch.equal(made, other) == (text == escaped)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_letters_that_the_font_lacks_come_from_another_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "_WIDE_FONTS", ("Not Installed", "STIXGeneral"))
    assert chart.choose_fonts() == ["DejaVu Sans", "STIXGeneral"]
    # Without the other font both would be the same empty box.
    assert not torch.equal(plot_bars([("\u24b6", 0.5)], ""), plot_bars([("\u24b7", 0.5)], ""))


def test_short_names_stay_as_they_are_and_long_ones_take_two_lines_sooner_where_letters_are_wide() -> None:
    assert wrap_name("American Staffordshire terrier") == "American Staffordshire terrier"
    first, second = wrap_name("a photograph of a castle " * 9).split("\n")
    assert first == "a photograph of a castle a photograph"[: len(first)]
    assert len(first) > 25
    assert second.endswith("…")
    wide, narrow = (len(wrap_name(letter * 200).partition("\n")[0]) for letter in "Wi")
    assert 2 * wide < narrow


@each_case("words", "W" * 50, "The quick brown fox jumps over the lazy dog. ")
def test_no_name_runs_into_the_values(words: str) -> None:
    inked = (plot_bars([(words * 4, 0.0)], "")[0, 0, 40:] < 0.4).any(dim=0).nonzero().flatten()
    # Between the name and the value there are columns without ink.
    assert int(inked.diff().max()) > 8


@each_case("bars", 1, 12)
def test_charts_take_no_more_than_estimated(bars: int) -> None:
    for name in ("a", "a castle on a hill above the sea in the fog of a morning in autumn"):
        drawn = plot_bars([(name, 0.5)] * bars, "title")
        assert 3 * 5 * drawn.numel() * 4 <= estimate_chart_bytes(5, bars) <= 8 * 5 * drawn.numel() * 4
