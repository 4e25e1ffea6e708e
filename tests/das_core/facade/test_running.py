"""What render, film and zoom share: recipes, starts and steps, and errors that keep what was made."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import nn

import das_core as da
from das_core import PICTURE, ImageStack, facade, in_region, score_images
from das_core.common.masks import canvas_mask
from das_core.facade.running import as_list
from quick_render import render
from toys import judge, output_objective, toy_class


def test_a_list_of_class_numbers_is_one_wish() -> None:
    assert as_list(["castle", 3]) == ["castle", 3]
    for wish in ([3, 4], (3, 4), range(3), [np.int64(3)], "castle", 3):
        assert as_list(wish) == [wish]


def test_a_callback_that_returns_true_is_the_last_to_be_called_and_a_start_is_where_it_begins() -> None:
    image = torch.rand(48, 48, 3, generator=torch.Generator().manual_seed(0))
    numbers: list[int] = []

    def stop_third(step: da.Step) -> bool:
        numbers.append(step.record.step)
        return len(numbers) == 3

    made = render("class 3", start=image.numpy(), steps=50, callback=stop_third)
    assert numbers == [0, 1, 2]
    assert len(made.history) == 3
    correlation = torch.corrcoef(torch.stack([made.image.flatten(), image.permute(2, 0, 1).flatten()]))
    assert correlation[0, 1] > 0.5


def test_a_region_is_measured_where_it_acted_or_refused_before_the_first_step() -> None:
    # Of another aspect.
    mask = torch.zeros(1, 48, 48)
    mask[:, 12:, :24] = 1
    covering = canvas_mask(mask, (32, 48), margin=0)[:, 0]
    made = render(in_region(toy_class(), mask), size=(48, 32))
    expected = score_images(made.image, in_region(toy_class(), covering))
    assert made.scores == {"class 3": expected.table[:, 0].tolist()}

    def never(step: object) -> None:
        raise AssertionError("a step was done")

    # In the ascent the strip goes on in the margin, but a score is that of the picture alone.
    strip = torch.zeros(1, 48, 48)
    strip[:, :, :10] = 1
    with pytest.raises(ValueError, match="the region is 10 x 48 pixels in image 1, too small to be looked at"):
        render(in_region(toy_class(), strip), callback=never)


def test_a_channel_that_grey_cannot_move_begins_with_noise_and_a_dead_one_stands_still_among_others(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    layer = nn.Conv2d(3, 3, (1, 2), bias=False)
    # Brightness; the difference of neighbours, of which the threshold leaves nothing in grey; and nothing.
    rows = torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    layer.weight.data = rows[:, None, None].expand(3, 3, 1, 2).clone()
    model = facade.wrap(nn.Sequential(layer, nn.Threshold(0.01, 0.0)), size=32, mean=(0.0,) * 3, std=(1.0,) * 3)
    quiet = replace(PICTURE, augmentation=da.Augmentation(transforms=()), steps=2)
    assert len(render("1:1", model, recipe=quiet, film=tmp_path / "film.gif").history) == 2
    assert (tmp_path / "film.gif").is_file()
    with pytest.raises(da.AscentError, match="vanished at step 1"):
        render("1:1", model, recipe=quiet, start=torch.full((1, 3, 48, 48), 0.5))
    made, living = (render(facade.channels("1", numbers), model, recipe=quiet) for numbers in ([0, 1, 2], [0, 0, 0]))
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

    def fade(step: da.Step) -> None:
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
