"""What render, film and zoom share: judges, recipes, lists of wishes, starts and steps."""

import gc
import pickle
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from torch import nn

import direct_ascent as da
from das_core.ascent.loop import Ascent
from das_core.ascent.recipe import PICTURE, SKETCH
from das_core.ascent.result import Step
from das_core.common.masks import canvas_mask
from das_core.facade.running import do_all_steps, find_judge, find_recipe, is_list, make_stack
from das_core.models.judge import Judge
from das_core.objectives.change import in_region
from das_core.objectives.priors import prior
from das_core.report.objective_scores import score_images
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from quick_render import render
from toys import classifier, judge, output_objective, toy_class

SPEC = StackSpec(16, 16, margin=4)


def test_a_judge_stays_where_it_is_and_a_recipe_keeps_its_steps_unless_others_are_given() -> None:
    judge = classifier()
    assert find_judge(judge, None) is judge
    assert find_judge(judge, "cpu").device == torch.device("cpu")
    with pytest.raises(ValueError, match="device"):
        find_judge(judge, "gpu")
    assert find_recipe("sketch") is SKETCH
    assert find_recipe(PICTURE, 7) == replace(PICTURE, steps=7)
    with pytest.raises(ValueError, match="there is no recipe 'fast'; choose picture, sketch, best, or give a Recipe"):
        find_recipe("fast")  # type: ignore[arg-type]


def test_a_list_of_class_numbers_is_one_wish() -> None:
    assert is_list(["castle", 3])
    assert not any(is_list(classes) for classes in ([3, 4], (3, 4), range(3), [np.int64(3)]))
    assert not is_list("castle")


def test_a_start_far_from_0_to_1_is_refused() -> None:
    assert make_stack(SPEC, None, 2, 0).batch == 2
    with pytest.raises(ValueError, match="the start image has values from 0 to 255"):
        make_stack(SPEC, torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16), 1, 0)


def test_a_callback_that_returns_true_is_the_last_to_be_called_also_from_an_image() -> None:
    seen: list[Step] = []

    def stop(step: Step) -> bool:
        seen.append(step)
        return len(seen) == 2

    ascent = Ascent(ImageStack.noise(SPEC), prior("total_variation"), steps=5)
    do_all_steps(ascent, iter(ascent), stop, progress=False)
    assert len(seen) == len(ascent.result.history) == 2

    image = torch.rand(48, 48, 3, generator=torch.Generator().manual_seed(0)).numpy()
    numbers: list[int] = []

    def stop_third(step: da.Step) -> bool:
        numbers.append(step.record.step)
        return len(numbers) == 3

    made = render("class 3", start=image, steps=50, callback=stop_third)
    assert numbers == [0, 1, 2]
    assert len(made.history) == 3
    correlation = torch.corrcoef(
        torch.stack([made.image.flatten(), torch.from_numpy(image).permute(2, 0, 1).flatten()])
    )
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


def test_what_grey_cannot_move_begins_with_noise(tmp_path: Path) -> None:
    # Of a grey view, all that a difference of neighbours leaves is 0, and so is its gradient behind the ReLU.
    edges = nn.Conv2d(3, 1, (1, 2), bias=False)
    edges.weight.data = torch.tensor([1.0, -1.0]).expand(1, 3, 1, 2)
    model = da.wrap(nn.Sequential(edges, nn.Threshold(0.01, 0.0)), size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    quiet = replace(PICTURE, augmentation=da.Augmentation(transforms=()), steps=2)
    assert len(render("1:0", model, recipe=quiet, steps=None, film=tmp_path / "film.gif").history) == 2
    assert (tmp_path / "film.gif").is_file()
    with pytest.raises(da.AscentError, match="vanished at step 1"):
        render("1:0", model, recipe=quiet, steps=None, start=torch.full((1, 3, 48, 48), 0.5))


def test_a_channel_that_grey_cannot_move_begins_with_noise_and_a_dead_one_stands_still_among_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = nn.Conv2d(3, 3, (1, 2), bias=False)
    # Brightness; the difference of neighbours, which is 0 in grey; and nothing.
    rows = torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    layer.weight.data = rows[:, None, None].expand(3, 3, 1, 2).clone()
    model = da.wrap(nn.Sequential(layer, nn.Threshold(0.01, 0.0)), size=32, mean=(0.0,) * 3, std=(1.0,) * 3)
    quiet = replace(PICTURE, augmentation=da.Augmentation(transforms=()), steps=3)
    made, living = (
        render(da.channels("1", numbers), model, recipe=quiet, steps=None) for numbers in ([0, 1, 2], [0, 0, 0])
    )
    assert torch.equal(made.stack.canvas[0], living.stack.canvas[0])
    assert made.scores["1 channel 0 | 1 channel 1 | 1 channel 2"][1] > 0
    assert [record.still for record in made.history] == [(2,)] * 3
    noise = ImageStack.noise(made.stack.spec, 3)
    assert torch.equal(made.stack.canvas[2], noise.canvas[2])
    assert "image 3 of 3 stands still at step 1: the gradient of '1 channel 2' is zero there" in caplog.text
    with pytest.raises(da.AscentError, match="vanished at step 1"):
        render(da.channels("1", [2, 2]), model, recipe=quiet, steps=None)


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

    def fade(step: Step) -> None:
        monkeypatch.setattr(Fading, "factor", 1.0 if step.record.step < 2 else 0.0)

    settings: Any = {"size": 32, "callback": fade, "steps": 9, "progress": False}
    calls = [
        partial(da.render, model, wish, film=tmp_path / "steps.gif", **settings),
        partial(da.film, model, wish, frames=2, **settings),
        partial(da.zoom, model, [wish, wish], **settings),
    ]
    for call in calls:
        Fading.factor = 1.0
        with pytest.raises(
            da.AscentError, match=r"vanished at step 4: .*; the last good image is that of step 3"
        ) as it:
            call()
        result = pickle.loads(pickle.dumps(it.value)).result  # noqa: S301
        assert len(result.history) == 3
        assert result.scores
        assert torch.equal(result.image, result.stack.image())
    with Image.open(tmp_path / "steps.gif") as film:
        assert sum(1 for _ in ImageSequence.Iterator(film)) == 3


def test_a_module_is_wrapped_once_until_it_changes_and_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = []

    def wrap(module: nn.Module) -> Judge:
        wrapped.append(weakref.ref(module))
        return judge(nn.Sequential(*module.children()))

    monkeypatch.setattr("das_core.facade.running.wrap", wrap)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    first = find_judge(module, None)
    assert find_judge(module, None) is first
    module[0].weight.data[0, 0, 0, 0] += 1  # type: ignore[index]
    second = find_judge(module, None)
    assert second is not first
    module[2] = nn.GELU()
    assert find_judge(module, None) is not second
    module.register_forward_hook(lambda *_: None)
    third = find_judge(module, "cpu")
    assert find_judge(module, "cpu") is third
    assert len(wrapped) == 4
    del module
    gc.collect()
    assert wrapped[0]() is None
