"""What render, film and zoom share: judges, recipes, lists of wishes, starts and steps."""

from dataclasses import replace

import pytest
import torch

from das_core.ascent.loop import Ascent
from das_core.ascent.recipe import PICTURE, SKETCH
from das_core.ascent.result import Step
from das_core.facade.running import RECIPES, do_all_steps, find_judge, find_recipe, is_list, make_stack
from das_core.objectives.prior import Prior
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from toys import classifier

SPEC = StackSpec(16, 16, margin=4)


def test_a_judge_stays_where_it_is_unless_it_is_sent_elsewhere() -> None:
    judge = classifier()
    assert find_judge(judge, None) is judge
    assert find_judge(judge, "cpu").device == torch.device("cpu")
    with pytest.raises(ValueError, match="device"):
        find_judge(judge, "gpu")


def test_a_recipe_is_found_by_its_name_with_other_steps_if_they_are_given() -> None:
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


def test_a_callback_that_returns_true_is_the_last_to_be_called() -> None:
    seen: list[Step] = []

    def stop(step: Step) -> bool:
        seen.append(step)
        return len(seen) == 2

    ascent = Ascent(ImageStack.noise(SPEC), Prior("total_variation"), steps=5)
    do_all_steps(ascent, stop, progress=False)
    assert len(seen) == len(ascent.result.history) == 2
