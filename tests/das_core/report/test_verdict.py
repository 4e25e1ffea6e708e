from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tinyclip
from das_core.common.images import fit_square
from das_core.models.classifier import Classifier
from das_core.models.labels import number_labels
from das_core.report.chart import plot_bars
from das_core.report.verdict import classify, compare_with_texts, plot_answers
from toys import judge

BLUE = torch.tensor([0xA9, 0xC9, 0xF5]) / 255


class Columns(nn.Module):
    """Ten logits: how bright each of ten columns of a picture is."""

    def forward(self, x: Tensor) -> Tensor:
        return 10 * x.mean(dim=(1, 2))


def columns() -> Classifier:
    return Classifier("columns", Columns(), 10, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(10))


def picture(*brightness: float) -> Tensor:
    return torch.tensor([*brightness, *[0.0] * (10 - len(brightness))]).expand(1, 3, 10, 10).contiguous()


def test_classes_come_likeliest_first_and_no_more_than_there_are() -> None:
    verdicts = classify(columns(), torch.cat([picture(0.1, 0.9, 0.5), picture(0, 0, 0, 1)]), 3)
    assert [v.index for v in verdicts[0]] == [1, 2, 0]
    assert verdicts[1][0].index == 3
    logits = np.array([1.0, 9.0, 5.0, *[0.0] * 7])
    expected = np.exp(logits) / np.exp(logits).sum()
    assert [v.probability for v in verdicts[0]] == pytest.approx([expected[1], expected[2], expected[0]], rel=1e-4)
    assert verdicts[0][0].name == "class 1"
    everything = classify(columns(), picture(0.5), 100)
    assert len(everything[0]) == 10
    assert sum(v.probability for v in everything[0]) == pytest.approx(1)
    with pytest.raises(ValueError, match="count 0 is too few; name at least 1 class"):
        classify(columns(), picture(0.5), 0)


def test_what_has_no_classes_is_named() -> None:
    image = torch.rand(1, 3, 16, 16)
    with pytest.raises(ValueError, match=r"'clip' is no Classifier; load one, such as load_starter\(\)"):
        classify("clip", image)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="toy knows no classes; load a classifier"):
        classify(judge(nn.Flatten()), image)
    with pytest.raises(ValueError, match="toy reads no words; load a CLIP"):
        compare_with_texts(judge(nn.Flatten()), image, ["a cat"])


def test_there_is_a_chart_for_every_image_of_one_height_whichever_has_the_long_names() -> None:
    short, long = ("a", 0.6), ("a name so long that it takes two lines of the chart", 0.4)
    answers = [[short, long], [long, short]]
    percents: Any = {"scale": (0.0, 1.0), "written": "{:.1%}".format}
    for number, (chart, bars) in enumerate(zip(plot_answers(answers, "Lite0", **percents), answers, strict=True), 1):
        assert torch.equal(chart[None], plot_bars(bars, f"image {number}: Lite0", lines=[2, 2]))
        assert torch.equal(plot_answers([bars], "Lite0", **percents), plot_bars(bars, "Lite0"))


def test_similarities_are_cosines() -> None:
    clip = tinyclip.clip()
    images = torch.rand(3, 3, 40, 30, generator=torch.Generator().manual_seed(0))
    texts = ["a cat", "a castle"]
    table = compare_with_texts(clip, images, texts)
    seen = clip(fit_square(images, 32)).numpy().astype(np.float64)
    read = clip.encode_text(texts).numpy().astype(np.float64)
    expected = seen @ read.T / np.linalg.norm(seen, axis=1)[:, None] / np.linalg.norm(read, axis=1)
    np.testing.assert_allclose(table.numpy(), expected, atol=1e-5)


def test_charts_of_similarities_show_both_signs_on_one_scale() -> None:
    def blue(chart: Tensor) -> int:
        return int(((chart - BLUE[:, None, None]).abs().amax(dim=0) < 0.02).sum())

    charts = plot_answers([[("a cat", 0.2), ("a dog", -0.2)], [("a cat", 0.1), ("a dog", -0.1)]], "toy")
    assert blue(charts[0]) == pytest.approx(2 * blue(charts[1]), rel=0.05)
    assert blue(plot_answers([[("a", 0.0), ("b", 0.0)]], "toy")[0]) < 0.01 * blue(charts[0])
