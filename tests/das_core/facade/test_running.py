"""What render, film and zoom share: judges, recipes, lists of wishes, starts and steps."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import direct_ascent as da
from das_core.ascent.loop import Ascent
from das_core.ascent.recipe import PICTURE, SKETCH
from das_core.ascent.result import Step
from das_core.common.masks import canvas_mask
from das_core.facade.running import RECIPES, do_all_steps, find_judge, find_recipe, is_list, make_stack
from das_core.objectives.change import in_region
from das_core.objectives.priors import prior
from das_core.report.objective_scores import score_images
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from quick_render import render
from toys import classifier, toy_class

SPEC = StackSpec(16, 16, margin=4)


def test_a_judge_stays_where_it_is_and_a_recipe_keeps_its_steps_unless_others_are_given() -> None:
    judge = classifier()
    assert find_judge(judge, None) is judge
    assert find_judge(judge, "cpu").device == torch.device("cpu")
    with pytest.raises(ValueError, match="device"):
        find_judge(judge, "gpu")
    assert find_recipe("sketch") is SKETCH
    assert find_recipe(PICTURE, 7) == replace(PICTURE, steps=7)
    with pytest.raises(ValueError, match=f"there is no recipe 'fast'; choose {', '.join(RECIPES)}, or give a Recipe"):
        find_recipe("fast")


def test_a_list_of_class_numbers_is_one_wish() -> None:
    assert is_list(["castle", 3])
    assert not is_list([3, 4])
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
    do_all_steps(ascent, stop, progress=False)
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
