"""Bars as long as their values, and names of any length and script over them."""

from pathlib import Path

import pytest
import torch
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from torch import Tensor

from cases import each_case
from das_core.report import chart
from das_core.report.bars import estimate_chart_bytes, plot_bars, wrap_names

BLUE = torch.tensor([0xA9, 0xC9, 0xF5]) / 255


def bar_lengths(chart: Tensor) -> list[int]:
    """How many pixels long each bar is, from the top of a chart (1, 3, H, W) down."""
    blue = ((chart[0] - BLUE[:, None, None]).abs().amax(dim=0) < 0.02).sum(dim=1).tolist()
    bars: list[int] = []
    for before, row in zip([0, *blue], blue, strict=False):
        if row > 2 and before <= 2:
            bars.append(row)
        elif row > 2:
            bars[-1] = max(bars[-1], row)
    return bars


@each_case("count", [1, 5, 20])
def test_charts_are_images_and_the_same_every_time(count: int) -> None:
    bars = [(f"class {i}", 1 / (i + 1)) for i in range(count)]
    chart = plot_bars(bars, "Lite0")
    assert chart.shape == (1, 3, int(200 * (0.25 + count * (1.2 * 8 / 72 + 0.05))), 600)
    assert chart.dtype == torch.float32
    assert chart.is_contiguous()
    assert float(chart.min()) >= 0
    assert float(chart.max()) == 1
    # White paper, and something on it.
    assert 0.3 < float((chart == 1).all(dim=1).float().mean()) < 0.99
    assert torch.equal(plot_bars(bars, "Lite0"), chart)


def test_bars_are_as_long_as_their_values_from_the_top_and_highest_is_the_end_of_the_axis() -> None:
    lengths = bar_lengths(plot_bars([("a", 1.0), ("b", 0.5), ("c", 0.25), ("d", 0.0)], "Lite0"))
    assert len(lengths) == 3
    assert lengths[1] / lengths[0] == pytest.approx(0.5, abs=0.02)
    assert lengths[2] / lengths[0] == pytest.approx(0.25, abs=0.02)
    short = bar_lengths(plot_bars([("a", 1.0)], "t", highest=10))[0]
    long = bar_lengths(plot_bars([("a", 10.0)], "t", highest=10))[0]
    assert long / short == pytest.approx(10, rel=0.1)


def test_bars_below_0_go_left_in_another_colour_and_none_goes_below_a_number() -> None:
    drawn = plot_bars([("", 1.0), ("", -2.0)], "", highest=1, lowest=-2, written=lambda _: "")
    red = torch.tensor([0xF5, 0xC1, 0xB0]) / 255
    columns = [
        ((drawn[0] - color[:, None, None]).abs().amax(dim=0) < 0.02).any(dim=0).nonzero() for color in (BLUE, red)
    ]
    blue, below = ((int(found.min()), int(found.max())) for found in columns)
    assert below[1] <= blue[0]
    assert (below[1] - below[0]) / (blue[1] - blue[0]) == pytest.approx(2, abs=0.05)
    # The numbers have 0.55 inches of 200 pixels at the right edge.
    assert blue[1] < 600 - 110


@each_case("text", ["x" * 300, "jack-o'-lantern", "Überraschung é ñ", "a\nb", "", "€ 5", "<b>&amp;</b>"])
def test_names_of_all_sorts_fit_into_the_chart(text: str) -> None:
    chart = plot_bars([(text, 0.5), ("b", 0.25)], text)
    longest, second = bar_lengths(chart)
    # The name takes nothing from the width of its bar.
    assert longest == pytest.approx(0.5 * (600 - 2 * 10), abs=2)
    assert longest / second == pytest.approx(2, rel=0.05)
    border = torch.cat([chart[..., 0], chart[..., -1]], dim=-1)
    assert float(border.min()) == 1


@each_case("text", ["$x$", "$\\frac{", "a$b", "\\alpha_1^2"])
def test_names_are_no_formulas(text: str) -> None:
    escaped = text.replace("$", r"\$")
    # Were they read as formulas, the escaped form would look the same.
    for made, other in (
        (plot_bars([(text, 0.5)], "title"), plot_bars([(escaped, 0.5)], "title")),
        (plot_bars([("a", 0.5)], text), plot_bars([("a", 0.5)], escaped)),
    ):
        assert made.shape == (1, 3, 86, 600)
        assert torch.equal(made, other) == (text == escaped)


def make_font(path: Path, letters: str) -> None:
    """Write a font in which every letter is a square of its own size."""
    builder = FontBuilder(1000)
    names = [f"square{number}" for number in range(len(letters))]
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap(dict(zip(map(ord, letters), names, strict=True)))
    glyphs = {}
    for size, name in enumerate([".notdef", *names], start=2):
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        for corner in ((0, 100 * size), (100 * size, 100 * size), (100 * size, 0)):
            pen.lineTo(corner)
        pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_letters_that_the_font_lacks_are_drawn_somehow_and_come_from_another_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plot_bars([("クラゲ 水母 медуза", 0.5)], "水母").shape == (1, 3, 86, 600)
    make_font(tmp_path / "Squares.ttf", "水火")
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(tmp_path / "Squares.ttf")
    monkeypatch.setattr(chart, "_WIDE_FONTS", ("Not Installed", "Squares"))
    assert chart.choose_fonts() == ["DejaVu Sans", "Squares"]
    # Without the other font both would be the same empty box.
    water, fire = plot_bars([("水", 0.5)], ""), plot_bars([("火", 0.5)], "")
    assert not torch.equal(water, fire)


def test_short_names_stay_as_they_are_and_long_ones_take_two_lines_sooner_where_letters_are_wide() -> None:
    short, breed, long = wrap_names(["jellyfish", "American Staffordshire terrier", "a photograph of a castle " * 9])
    assert (short, breed) == ("jellyfish", "American Staffordshire terrier")
    first, second = long.split("\n")
    assert first == "a photograph of a castle a photograph"[: len(first)]
    assert len(first) > 25
    assert second.endswith("…")
    wide, narrow = (len(name.partition("\n")[0]) for name in wrap_names(["W" * 200, "i" * 200]))
    assert 2 * wide < narrow


@each_case("words", ["W" * 50, "i" * 50, "The quick brown fox jumps over the lazy dog. ", "RATTLESNAKE "])
def test_no_name_runs_into_the_values(words: str) -> None:
    chart = plot_bars([(words * 4, 0.0)], "")[0, 0, 40:]
    inked = (chart < 0.4).any(dim=0).nonzero().flatten()
    # Between the name and the value there are columns without ink.
    assert int(inked.diff().max()) > 8


def test_rows_can_be_given_more_lines_than_their_names_take() -> None:
    bars = [("a", 0.5), ("b", 0.25)]
    assert torch.equal(plot_bars(bars, "t", lines=[1, 1]), plot_bars(bars, "t"))
    higher = plot_bars(bars, "t", lines=[2, 1])
    assert higher.shape[2] > plot_bars(bars, "t").shape[2]
    assert bar_lengths(higher) == bar_lengths(plot_bars(bars, "t"))


@each_case("bars", [1, 2, 7, 40])
def test_charts_take_no_more_than_estimated(bars: int) -> None:
    for name in ("a", "a castle on a hill above the sea in the fog of a morning in autumn"):
        chart = plot_bars([(name, 0.5)] * bars, "title")
        assert 3 * 5 * chart.numel() * 4 <= estimate_chart_bytes(5, bars) <= 8 * 5 * chart.numel() * 4
