"""Objectives as data: sums, weights, what an ascent needs of a term, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case, refuses
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.objectives.objective import join_objectives
from das_core.objectives.priors import CanvasPixels
from toys import SPEC, VIEWS, Mean, ask, classifier, climb, judge, toy_class


def brightness(output: Tensor | CanvasPixels, images: Tensor) -> Tensor:
    return output.pixels.mean(dim=(1, 2, 3)) if isinstance(output, CanvasPixels) else output[:, 0]


BARE = da.Term("a", brightness)
BRIGHT = ask(brightness, None)
MODEL = classifier()
THREE, FIVE = (da.classes(number).on(MODEL) for number in (3, 5))


@each_case("asked", judge(Mean()), None)
def test_a_name_and_a_function_are_enough_for_an_ascent(asked: da.Judge | None) -> None:
    brighter = climb(objectives=[ask(brightness, asked)], steps=4)
    assert list(brighter.history[0].scores) == ["output"]
    assert float(brighter.image.mean()) > 0.52
    darker = climb(objectives=[-ask(brightness, asked)], steps=4)
    assert float(darker.image.mean()) < 0.48


def test_references_come_in_the_order_of_the_reference_images() -> None:
    # A module that passes its views on, so that scores can be told from the images alone.
    seen = make_activation_judge(judge(nn.Sequential(nn.Identity(), nn.Identity()), 16), ["1"])
    images = tuple(torch.full((1, 3, 8, 8), value) for value in (0.1, 0.2))

    def compare(output: Activations, images: Tensor) -> Tensor:
        first, second = output.references
        return (output["1"] - 2 * first["1"] - second["1"]).flatten(1).mean(dim=1)

    asked = ask(compare, seen, references=images)
    step = next(iter(da.Ascent(da.ImageStack.gray(SPEC), asked, replace(VIEWS, transforms=()))))
    assert step.record.scores["output"] == pytest.approx(0.5 - 2 * 0.1 - 0.2, abs=1e-5)


def test_objectives_are_added_and_weighted_like_numbers() -> None:
    one: Any = da.prior("l2", 0.5)
    other = toy_class(weight=2.0)
    total = 3 * one - other / 4 + -one
    assert [(term.name, term.weight) for term in total.terms] == [("l2", 1.5), ("class 3", -0.5), ("l2", -0.5)]
    assert sum([one, other]).terms == (one + other).terms  # type: ignore[union-attr]
    assert total.name == "l2, class 3"
    shared = da.share_views(other, other, other)
    assert [len(part) for part in (one + shared + shared + one).parts] == [1, 3, 3, 1]
    for wrong in (lambda: one + 1, lambda: one * "2", lambda: one * one, lambda: one + "castle", lambda: "a" - one):
        with pytest.raises(TypeError):
            wrong()


def test_an_ascent_of_a_sum_is_that_of_its_parts_to_the_bit() -> None:
    stack = da.ImageStack.gray(replace(SPEC, time=da.stack.Time(4)))
    both = da.over_keyframes({0: 3, 2: 5}, lambda target: da.classes(target).on(MODEL))
    joint = da.Ascent(stack, both, VIEWS, steps=3).run()
    alone = da.Ascent(stack, [da.Objective((term,)) for term in both.terms], VIEWS, steps=3).run()
    assert torch.equal(joint.image, alone.image)
    assert joint.history == alone.history
    assert list(joint.history[0].scores) == ["class 3", "class 5"]


def test_the_largest_weight_is_the_farthest_from_0_and_one_is_enough() -> None:
    loud = da.prior(weight=-2.0)
    changed = (da.over_steps(loud, 0.5, -2.0), da.over_frames(da.over_steps(loud, 0.0, 3.0), ((0, 0.5), (4, -1.0))))
    assert [objective.list_terms()[0].largest_weight for objective in (loud, *changed)] == [-2.0, 4.0, 6.0]
    assert len(join_objectives([toy_class(weight=0.0), toy_class()]).terms) == 2


test_what_is_no_objective_no_term_or_no_weight_is_named = refuses(
    lambda make: make(),
    (lambda: join_objectives([]), "no objective is given, so there is nothing to climb; give at least one"),
    (lambda: join_objectives([toy_class(weight=0.0)] * 2), "the weights of all objectives are 0"),
    (lambda: join_objectives(judge(Mean())), "Judge is no objective; make one"),  # type: ignore[arg-type]
    (lambda: join_objectives(BARE), r"Term is no objective; .* of a Term of your own, Objective\(\(term,\)\)"),  # type: ignore[arg-type]
    (lambda: join_objectives([THREE, -1 * THREE]), "'class 3' is asked for and against alike"),
    (lambda: join_objectives([0.3 * BRIGHT, 0.3 * BRIGHT, -0.6 * BRIGHT]), "'output' is asked for and against alike"),
    (lambda: join_objectives([THREE, FIVE, -THREE, -da.classes(5).on(MODEL)]), "'class 3, class 5' is asked"),
    (lambda: da.Objective(()), "no term is given"),
    (lambda: da.Objective((da.prior(),)), "a Objective is no term of an objective"),  # type: ignore[arg-type]
    (lambda: da.Objective((replace(BARE, share=(1, 2)),)), r"'a' has the share \(1, 2\), and \(0, 2\) is the next"),
    (lambda: da.Objective((replace(BARE, share=(0, 2)), replace(BARE, share=(2, 3)))), r"and \(1, 2\) is"),
    (lambda: da.prior() * float("nan"), "the weight nan of the objective is not between"),
    (lambda: da.prior() * 1e9, "of the objective is not between"),
)


IMAGE = torch.rand(1, 3, 16, 16)


@each_case(
    ("make", "asked"),
    (da.classes, "jellyfish"),
    (da.text, "a castle"),
    (da.image, IMAGE),
    (da.feature, "0"),
    (da.content, IMAGE),
    (da.style, IMAGE),
    (da.diversity, "0"),
)
def test_a_plain_module_is_refused_with_the_way_to_make_a_judge_of_it(make: Any, asked: Any) -> None:
    with pytest.raises(ValueError, match=r"a Sequential is a plain module; make a judge of it with da.wrap\(module\)"):
        make(asked).on(nn.Sequential(nn.Conv2d(3, 4, 3)))
    with pytest.raises(ValueError, match=r"'resnet18' is no Judge; load one, such as load_starter"):
        make(asked).on("resnet18")


class Odd(list[int]):
    """A score of the user that has no hash."""

    def __call__(self, output: CanvasPixels, images: Tensor) -> Tensor:
        return brightness(output, images)


def test_terms_that_differ_and_those_beside_others_do_not_cancel() -> None:
    both = [da.content(torch.rand(1, 3, 32, 32)).on(MODEL) * weight for weight in (1, -1)]
    region = da.in_region(-THREE, torch.ones(1, 8, 8))
    faded = da.over_steps(-THREE, start=0.0, end=1.0)
    odd = [ask(Odd(), None), -ask(Odd(), None)]
    for asked in (both, [THREE, region], [THREE, faded], odd, [THREE, -THREE, FIVE], [THREE, -toy_class()]):
        assert len(join_objectives(asked).terms) == len(asked)
