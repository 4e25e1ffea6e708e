"""What render, film and zoom share: recipes, starts and steps, and errors that keep what was made."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageSequence
from torch import nn

import direct_ascent as da
from cases import each_case
from das_core import facade
from das_core.common.masks import canvas_mask
from das_core.facade.running import as_list
from das_core.models.layers.activations import make_activation_judge
from direct_ascent import PICTURE, ImageStack, in_region, score_images
from quick_render import render
from toys import judge, output_objective, toy_class


def test_a_list_of_class_numbers_is_one_wish() -> None:
    assert as_list(["castle", 3]) == ["castle", 3]
    for wish in ([3, 4], (3, 4), range(3), [np.int64(3)], "castle", 3):
        assert as_list(wish) == [wish]


def test_a_callback_that_returns_true_is_the_last_to_be_called_and_a_start_is_where_it_begins() -> None:
    image = torch.rand(48, 48, 3, generator=torch.Generator().manual_seed(0))
    numbers: list[int] = []

    def stop_third(step: da.ascent.Step) -> bool:
        numbers.append(step.record.step)
        return len(numbers) == 3

    made = render("class 3", start=image.numpy(), steps=50, callback=stop_third)
    assert numbers == [0, 1, 2]
    assert len(made.history) == 3
    correlation = torch.corrcoef(torch.stack([made.image.flatten(), image.permute(2, 0, 1).flatten()]))
    assert correlation[0, 1] > 0.5


def test_a_region_is_measured_where_it_acted() -> None:
    # Of another aspect.
    mask = torch.zeros(1, 48, 48)
    mask[:, 12:, :24] = 1
    covering = canvas_mask(mask, (32, 48), margin=0)[:, 0]
    made = render(in_region(toy_class(), mask), size=(48, 32))
    expected = score_images(made.image, in_region(toy_class(), covering))
    assert made.whole_scores["class 3"] == pytest.approx(expected.table[:, 0].tolist(), abs=1e-5)
    # Too narrow to be looked at by itself, a strip goes on in the margin, where views reach.
    strip = torch.zeros(1, 48, 48)
    strip[:, :, :10] = 1
    assert render(in_region(toy_class(), strip)).scores.keys() == {"class 3"}


@each_case("sign", 1, -1)
def test_a_picture_is_scored_as_its_recipe_shows_it_and_once_whole(sign: int) -> None:
    made = render(0 + sign * da.channel("blocks.3", 5), da.load_starter(), recipe="feature", size=96, steps=12)
    (score,), (whole,) = made.scores["blocks.3 channel 5"], made.whole_scores["blocks.3 channel 5"]
    view = F.interpolate(made.image, size=(224, 224), mode="bilinear", antialias=True)
    judge = make_activation_judge(da.load_starter(), ["blocks.3"])
    mean = float(judge(view)["blocks.3"][:, 5].mean())
    assert whole == pytest.approx(mean, abs=1e-3)
    assert 0.7 < score / mean < 1.4
    assert sign * mean > 10


def test_a_picture_that_cannot_be_scored_is_not_lost() -> None:
    def score(views: torch.Tensor) -> torch.Tensor:
        return views.mean(dim=(1, 2, 3)).squeeze()  # One view has a score without an axis.

    with pytest.raises(da.AscentError, match=r"the picture is made, but cannot be scored: 'score' scores 1 view") as it:
        render(score)
    assert it.value.result is not None
    assert len(it.value.result.history) == 2


def test_a_channel_that_grey_cannot_move_begins_with_noise_and_a_dead_one_stands_still_among_others(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    layer = nn.Conv2d(3, 3, (1, 2), bias=False)
    # Brightness; the difference of neighbours, of which the threshold leaves nothing in grey; and nothing.
    rows = torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    layer.weight.data = rows[:, None, None].expand(3, 3, 1, 2).clone()
    model = facade.wrap(nn.Sequential(layer, nn.Threshold(0.01, 0.0)), size=32, mean=(0.0,) * 3, std=(1.0,) * 3)
    quiet = replace(PICTURE, augmentation=da.views.Augmentation(transforms=()), steps=2)
    assert len(render("1:1", model, recipe=quiet, film=tmp_path / "film.gif").history) == 2
    assert (tmp_path / "film.gif").is_file()
    with pytest.raises(da.AscentError, match="vanished at step 1"):
        render("1:1", model, recipe=quiet, start=torch.full((1, 3, 48, 48), 0.5))
    made, living = (render(da.channels("1", numbers), model, recipe=quiet) for numbers in ([0, 1, 2], [0, 0, 0]))
    assert torch.equal(made.stack.canvas[0], living.stack.canvas[0])
    assert made.scores["1 channel 0 | 1 channel 1 | 1 channel 2"][1] > 0
    assert [record.still for record in made.history] == [(2,)] * 2
    noise = ImageStack.noise(made.stack.spec, 3)
    assert torch.equal(made.stack.canvas[2], noise.canvas[2])
    assert "image 3 of 3 stands still at step 1: the gradient of '1 channel 2' is zero there" in caplog.text


class Fading(nn.Module):
    """Answers with its views times a factor, which is that of all copies."""

    factor = 1.0

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        return views * Fading.factor


def test_an_error_in_the_middle_holds_what_was_made_before_also_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = judge(Fading())
    wish = output_objective(model)

    def fade(step: da.ascent.Step) -> None:
        monkeypatch.setattr(Fading, "factor", 1.0 if step.record.step < 2 else 0.0)

    says = r"vanished at step 4: .*; the last good image is that of step 3"
    with pytest.raises(da.AscentError, match=says) as it:
        render(wish, model, film=tmp_path / "steps.gif", callback=fade, steps=9)
    result = pickle.loads(pickle.dumps(it.value)).result  # noqa: S301
    assert len(result.history) == 3
    assert result.scores
    assert torch.equal(result.image, result.stack.image())
    with Image.open(tmp_path / "steps.gif") as film:
        assert sum(1 for _ in ImageSequence.Iterator(film)) == 3
