"""What a model can be asked for: every form makes a picture."""

from typing import Any

import pytest
import torch

import direct_ascent as da
import tinyclip
from cases import each_case
from das_core.models.judge import Judge
from das_core.objectives.classes import class_objective
from das_core.objectives.priors import prior
from quick_render import TOY, render

ATTENTION = "transformer.resblocks.1.attn"


@each_case(
    ("model", "wish", "names"),
    [
        (TOY, "class 3", ["class 3"]),
        (TOY, 3, ["class 3"]),
        (TOY, [3, 4], ["class 3, class 4"]),
        (TOY, "2:7", ["2 channel 7"]),
        (TOY, "2", ["2"]),
        (TOY, da.neuron("2", 1, (0, 3)), ["2 channel 1 at 0, 3"]),
        (TOY, da.direction("2", torch.ones(32)), ["2 direction"]),
        (TOY, da.direction("2", torch.ones(32), (0, 3)), ["2 direction at 0, 3"]),
        (tinyclip.clip(), da.head(ATTENTION, 0), [f"{ATTENTION} head 0"]),
        (TOY, class_objective(TOY, 5), ["class 5"]),
        (TOY, [da.classes(3), prior("l2")], ["class 3", "l2"]),
        (TOY, 0.7 * da.classes(3) + 0.3 * da.channel("2", 5) - da.layer("0"), ["class 3", "2 channel 5", "0"]),
        (TOY, sum([da.classes(1), da.classes(2)]), ["class 1", "class 2"]),
        (TOY, da.of_views(lambda views: views[:, 0].mean(dim=(1, 2))), ["lambda"]),
        (TOY, lambda views: views[:, 0].mean(dim=(1, 2)), ["lambda"]),
        (TOY, da.of_picture(lambda picture: picture[:, 2].mean(dim=(1, 2))), ["lambda"]),
        (tinyclip.clip(), "a cat", ["a cat"]),
        (tinyclip.clip(), da.text("a cat") * 2, ["a cat"]),
    ],
)
def test_every_form_of_asking_makes_a_picture(model: Judge, wish: Any, names: list[str]) -> None:
    made = render(wish, model)
    assert list(made.scores) == names
    assert made.image.shape == (1, 3, 48, 48)
    assert len(made.history) == 2
    assert all(len(scores) == 1 for scores in made.scores.values())


def test_several_channels_are_several_pictures_and_none_are_refused_at_once() -> None:
    made = render(da.channels("2", range(3)))
    assert made.image.shape == (3, 3, 48, 48)
    assert len(next(iter(made.scores.values()))) == 3
    for number, image in enumerate(made.image):
        alone = render(da.channel("2", number), batch=3).image[number]
        torch.testing.assert_close(image, alone, rtol=0, atol=2e-4)
    for batch in (1, 4):
        with pytest.raises(ValueError, match=f"^{batch} pictures cannot show a wish for 3, .* a multiple of 3"):
            render(da.channels("2", range(3)), batch=batch)
    assert len(render(da.channels("2", range(3)), batch=6).image) == 6
    with pytest.raises(ValueError, match=r"no channel is given; give numbers, such as range\(8\)"):
        da.channels("2", [])
