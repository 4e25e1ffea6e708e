"""What a model can be asked for: every form makes a picture."""

from typing import Any

import pytest
import torch

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.objectives.classes import ClassObjective
from das_core.objectives.prior import Prior
from quick_render import TOY, render


@each_case(
    ("wish", "names"),
    [
        ("class 3", ["class 3"]),
        (3, ["class 3"]),
        ([3, 4], ["class 3, class 4"]),
        ("2:7", ["2 channel 7"]),
        ("2", ["2"]),
        (da.neuron("2", 1, (0, 3)), ["2 channel 1 at 0, 3"]),
        (da.direction("2", torch.ones(32)), ["2 direction"]),
        (ClassObjective(TOY, 5), ["class 5"]),
        ([da.classes(3), Prior("l2")], ["class 3", "l2"]),
        (0.7 * da.classes(3) + 0.3 * da.channel("2", 5) - da.layer("0"), ["class 3", "2 channel 5", "0"]),
        (sum([da.classes(1), da.classes(2)]), ["class 1", "class 2"]),
        (da.of_views(lambda views: views[:, 0].mean(dim=(1, 2))), ["lambda"]),
        (lambda views: views[:, 0].mean(dim=(1, 2)), ["lambda"]),
        (da.of_picture(lambda picture: picture[:, 2].mean(dim=(1, 2))), ["lambda"]),
    ],
)
def test_every_form_of_asking_makes_a_picture(wish: Any, names: list[str]) -> None:
    made = render(wish)
    assert list(made.scores) == names
    assert made.image.shape == (1, 3, 48, 48)
    assert len(made.history) == 2
    assert all(len(scores) == 1 for scores in made.scores.values())


def test_several_channels_are_several_pictures() -> None:
    made = render(da.channels("2", range(3)))
    assert made.image.shape == (3, 3, 48, 48)
    assert len(next(iter(made.scores.values()))) == 3
    for number, image in enumerate(made.image):
        alone = render(da.channel("2", number), batch=3).image[number]
        torch.testing.assert_close(image, alone, rtol=0, atol=2e-4)


def test_a_clip_is_asked_in_words() -> None:
    tiny_clip = tinyclip.clip()
    made = render("a cat", tiny_clip)
    assert list(made.scores) == ["a cat"]
    assert list(render(da.text("a cat") * 2, tiny_clip).scores) == ["a cat"]


def test_no_channels_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"no channel is given; give numbers, such as range\(8\)"):
        da.channels("2", [])
