"""Verdicts of a real classifier in order, as text, and as charts whose bars are measured."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tinyclip
from das_core.common.images import fit_square
from das_core.models.classifier import Classifier
from das_core.models.labels import Label, Labels, number_labels
from das_core.report.verdict import (
    Prediction,
    classify,
    compare_with_texts,
    format_predictions,
    format_similarities,
    plot_bars,
    plot_predictions,
    plot_similarities,
)

BLUE = torch.tensor([0x3B, 0x7D, 0xD8]) / 255
VERDICTS = [[Prediction(7, "stingray", 0.75), Prediction(2, "shark", 0.0625)], [Prediction(1, "goldfish", 1.0)]]


class Columns(nn.Module):
    """Ten logits: how bright each of ten columns of a picture is."""

    def forward(self, x: Tensor) -> Tensor:
        return 10 * x.mean(dim=(1, 2))


def columns() -> Classifier:
    return Classifier("columns", Columns(), 10, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(10))


def picture(*brightness: float) -> Tensor:
    return torch.tensor([*brightness, *[0.0] * (10 - len(brightness))]).expand(1, 3, 10, 10).contiguous()


def test_classes_come_likeliest_first() -> None:
    images = torch.cat([picture(0.1, 0.9, 0.5), picture(0, 0, 0, 1)])
    verdicts = classify(columns(), images, 3)
    assert [[v.index for v in classes] for classes in verdicts] == [[1, 2, 0], [3, *[v.index for v in verdicts[1][1:]]]]
    logits = np.array([1.0, 9.0, 5.0, *[0.0] * 7])
    expected = np.exp(logits) / np.exp(logits).sum()
    assert [v.probability for v in verdicts[0]] == pytest.approx([expected[1], expected[2], expected[0]], rel=1e-4)
    assert verdicts[0][0].name == "class 1"


def test_no_more_classes_than_there_are() -> None:
    everything = classify(columns(), picture(0.5), 100)
    assert len(everything[0]) == 10
    assert sum(v.probability for v in everything[0]) == pytest.approx(1)
    assert len(classify(columns(), picture(0.5))[0]) == 5


@pytest.mark.parametrize("count", [0, -1])
def test_no_class_is_too_few(count: int) -> None:
    with pytest.raises(ValueError, match=f"count {count} is too few; name at least 1 class"):
        classify(columns(), picture(0.5), count)


def test_images_are_not_changed() -> None:
    image = picture(0.3)
    before = image.clone()
    classify(columns(), image)
    assert torch.equal(image, before)


def test_text_of_one_image() -> None:
    assert format_predictions(VERDICTS[:1], "Lite0") == "Lite0 sees:\n  75.0%  stingray\n   6.2%  shark"


def test_text_of_several_images() -> None:
    assert format_predictions(VERDICTS, "Lite0") == (
        "Lite0 sees in image 1:\n  75.0%  stingray\n   6.2%  shark\n\nLite0 sees in image 2:\n 100.0%  goldfish"
    )


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


@pytest.mark.parametrize("count", [1, 5, 20])
def test_charts_are_images(count: int) -> None:
    chart = plot_bars([(f"class {i}", 1 / (i + 1)) for i in range(count)], "Lite0")
    assert chart.shape == (1, 3, round(100 * (1 + 0.35 * count)), 600)
    assert chart.dtype == torch.float32
    assert chart.is_contiguous()
    assert float(chart.min()) >= 0
    assert float(chart.max()) == 1
    # White paper, and something on it.
    assert 0.5 < float((chart == 1).all(dim=1).float().mean()) < 0.99


def test_bars_are_as_long_as_their_values_from_the_top() -> None:
    lengths = bar_lengths(plot_bars([("a", 1.0), ("b", 0.5), ("c", 0.25), ("d", 0.0)], "Lite0"))
    assert len(lengths) == 3
    assert lengths[1] / lengths[0] == pytest.approx(0.5, abs=0.02)
    assert lengths[2] / lengths[0] == pytest.approx(0.25, abs=0.02)


def test_highest_is_the_end_of_the_axis() -> None:
    short = bar_lengths(plot_bars([("a", 1.0)], "t", highest=10))[0]
    long = bar_lengths(plot_bars([("a", 10.0)], "t", highest=10))[0]
    assert long / short == pytest.approx(10, rel=0.1)


def test_a_chart_for_every_image() -> None:
    verdicts = [[Prediction(0, "a", 0.9), Prediction(1, "b", 0.1)], [Prediction(1, "b", 0.6), Prediction(0, "a", 0.4)]]
    charts = plot_predictions(verdicts, "Lite0")
    assert charts.shape == (2, 3, 170, 600)
    for chart, classes in zip(charts, verdicts, strict=True):
        assert torch.equal(chart[None], plot_bars([(v.name, v.probability) for v in classes], "Lite0"))


def test_a_chart_is_the_same_every_time() -> None:
    assert torch.equal(plot_bars([("a", 0.5)], "t"), plot_bars([("a", 0.5)], "t"))


@pytest.mark.parametrize("text", ["x" * 300, "jack-o'-lantern", "Überraschung é ñ", "a\nb", "", "€ 5", "<b>&amp;</b>"])
def test_names_of_all_sorts_fit_into_the_chart(text: str) -> None:
    chart = plot_bars([(text, 0.5), ("b", 0.25)], text)
    assert chart.shape == (1, 3, 170, 600)
    longest, second = bar_lengths(chart)
    # The name takes some of the width, never all of it.
    assert longest > 100
    assert longest / second == pytest.approx(2, rel=0.05)
    border = torch.cat([chart[..., 0], chart[..., -1]], dim=-1)
    assert float(border.min()) == 1


@pytest.mark.parametrize("text", ["$x$", "$\\frac{", "a$b", "\\alpha_1^2"])
def test_names_are_no_formulas(text: str) -> None:
    escaped = text.replace("$", r"\$")
    # Were they read as formulas, the escaped form would look the same.
    for chart, other in (
        (plot_bars([(text, 0.5)], "title"), plot_bars([(escaped, 0.5)], "title")),
        (plot_bars([("a", 0.5)], text), plot_bars([("a", 0.5)], escaped)),
    ):
        assert chart.shape == (1, 3, 135, 600)
        assert torch.equal(chart, other) == (text == escaped)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_in_scripts_the_font_lacks_are_drawn_somehow() -> None:
    assert plot_bars([("クラゲ 水母 медуза", 0.5)], "水母").shape == (1, 3, 135, 600)


def test_labels_carry_through_to_the_chart() -> None:
    classifier = dataclasses.replace(columns(), labels=Labels(tuple(Label((f"$n{i}$", "alias")) for i in range(10))))
    verdicts = classify(classifier, picture(0, 1), 2)
    assert verdicts[0][0].name == "$n1$"
    assert "$n1$" in format_predictions(verdicts, classifier.name)
    assert plot_predictions(verdicts, classifier.name).shape == (1, 3, 170, 600)


def test_similarities_are_cosines() -> None:
    clip = tinyclip.clip()
    images = torch.rand(3, 3, 40, 30, generator=torch.Generator().manual_seed(0))
    texts = ["a cat", "a castle"]
    table = compare_with_texts(clip, images, texts)
    seen = clip(fit_square(images, 32)).numpy().astype(np.float64)
    read = clip.encode_text(texts).numpy().astype(np.float64)
    expected = seen @ read.T / np.linalg.norm(seen, axis=1)[:, None] / np.linalg.norm(read, axis=1)
    np.testing.assert_allclose(table.numpy(), expected, atol=1e-5)


def test_the_nearest_text_is_named_first() -> None:
    table = torch.tensor([[0.1, 0.25], [0.3, -0.2]])
    assert format_similarities(table, ["a cat", "a dog"], "toy").splitlines() == [
        "toy finds image 1 near to:",
        " 0.250  a dog",
        " 0.100  a cat",
        "",
        "toy finds image 2 near to:",
        " 0.300  a cat",
        "-0.200  a dog",
    ]
    assert format_similarities(table[:1], ["a cat", "a dog"], "toy").startswith("toy finds near to:")


def test_charts_of_similarities_show_both_signs_on_one_scale() -> None:
    def blue(chart: Tensor) -> int:
        return int(((chart - BLUE[:, None, None]).abs().amax(dim=0) < 0.02).sum())

    table = torch.tensor([[0.2, -0.2], [0.1, -0.1]])
    charts = plot_similarities(table, ["a cat", "a dog"], "toy")
    assert charts.shape[:2] == (2, 3)
    assert blue(charts[0]) == pytest.approx(2 * blue(charts[1]), rel=0.05)
    assert blue(plot_similarities(torch.zeros(1, 2), ["a", "b"], "toy")[0]) < 0.01 * blue(charts[0])
