"""Objectives as data: sums, weights, what an ascent needs of a term, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.models.judge import Judge
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.objectives.change import over_frames, over_keyframes, over_steps, share_views
from das_core.objectives.classes import class_objective
from das_core.objectives.content import content_objective
from das_core.objectives.diversity import diversity_objective
from das_core.objectives.embedding import image_objective, text_objective
from das_core.objectives.feature import feature_objective
from das_core.objectives.priors import CanvasPixels, prior
from das_core.objectives.style import style_objective
from das_core.objectives.term import Objective, Term, join_objectives
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from toys import SPEC, VIEWS, ask, classifier, climb, judge, toy_class


class Mean(nn.Module):
    """The mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(1, 2, 3))[:, None]


def brightness(output: Tensor | CanvasPixels, images: Tensor) -> Tensor:
    return output.pixels.mean(dim=(1, 2, 3)) if isinstance(output, CanvasPixels) else output[:, 0]


@each_case("asked", [judge(Mean()), None])
def test_a_name_and_a_function_are_enough_for_an_ascent(asked: Judge | None) -> None:
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
    step = next(iter(Ascent(ImageStack.gray(SPEC), asked, replace(VIEWS, transforms=()))))
    assert step.record.scores["output"] == pytest.approx(0.5 - 2 * 0.1 - 0.2, abs=1e-5)


def test_objectives_are_added_and_weighted_like_numbers() -> None:
    one, other = prior("l2", 0.5), toy_class(weight=2.0)
    total = 3 * one - other / 4 + -one
    assert [(term.name, term.weight) for term in total.terms] == [("l2", 1.5), ("class 3", -0.5), ("l2", -0.5)]
    assert sum([one, other]).terms == (one + other).terms  # type: ignore[union-attr]
    assert total.name == "l2, class 3"
    for wrong in (lambda: one + 1, lambda: one * "2", lambda: one * one, lambda: one + "castle", lambda: "a" - one):
        with pytest.raises(TypeError):
            wrong()


def test_an_ascent_of_a_sum_is_that_of_its_parts_to_the_bit() -> None:
    stack = ImageStack.gray(replace(SPEC, time=Time(4)))
    model = classifier()
    both = over_keyframes({0: 3, 2: 5}, lambda target: class_objective(model, target))
    joint = Ascent(stack, both, VIEWS, steps=3).run()
    alone = Ascent(stack, [Objective((term,)) for term in both.terms], VIEWS, steps=3).run()
    assert torch.equal(joint.image, alone.image)
    assert joint.history == alone.history
    assert list(joint.history[0].scores) == ["class 3", "class 5"]


def test_the_parts_of_a_sum_divide_their_own_views_alone() -> None:
    shared = share_views(toy_class(), toy_class(seed=2), toy_class(seed=3))
    total = prior() + shared + shared + prior("l2")
    assert [len(part) for part in total.parts] == [1, 3, 3, 1]
    assert [term.share for part in total.parts for term in part[1:]] == [(1, 3), (2, 3)] * 2


@each_case(
    ("change", "expected"),
    [
        (lambda objective: objective, -2.0),
        (lambda objective: over_steps(objective, 0.5, -2.0), 4.0),
        (lambda objective: over_frames(objective, [0.1, 0.25]), -0.5),
        (lambda objective: over_frames(over_steps(objective, 0.0, 3.0), ((0, 0.5), (4, -1.0))), 6.0),
        (lambda objective: over_steps(objective, 0.0, 0.0), 0.0),
    ],
)
def test_the_largest_weight_is_the_farthest_from_0(change: Callable[[Objective], Objective], expected: float) -> None:
    (term,) = change(prior(weight=-2.0)).terms
    assert term.largest_weight == expected


@each_case(
    ("objectives", "says"),
    [
        ([], "no objective is given, so there is nothing to climb; give at least one"),
        ([toy_class(weight=0.0)] * 2, "the weights of all objectives are 0"),
        (judge(Mean()), "Judge is no objective; make one"),
        (Term("bare", brightness), r"Term is no objective; .* of a Term of your own, Objective\(\(term,\)\)"),
    ],
)
def test_what_cannot_be_climbed_is_named(objectives: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        join_objectives(objectives)
    with pytest.raises(ValueError, match=says):
        Ascent(ImageStack.gray(SPEC), objectives, VIEWS)


def test_one_weight_is_enough() -> None:
    assert len(join_objectives([toy_class(weight=0.0), toy_class()]).terms) == 2


@each_case(
    ("terms", "says"),
    [
        ((), "no term is given"),
        ((prior(),), "a Objective is no term of an objective"),
        ((Term("a", brightness, share=(1, 2)),), r"'a' has the share \(1, 2\), and \(0, 2\) is the next"),
        ((Term("a", brightness, share=(0, 2)), Term("b", brightness, share=(2, 3))), r"'b' has .* and \(1, 2\) is"),
    ],
)
def test_what_are_no_terms_is_refused(terms: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Objective(terms)


@each_case("weight", [float("nan"), float("inf"), 1e9])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="of the objective is not between"):
        prior() * weight


@each_case(
    "make",
    [
        lambda model: class_objective(model, "jellyfish"),
        lambda model: text_objective(model, "a castle"),
        lambda model: image_objective(model, torch.rand(1, 3, 16, 16)),
        lambda model: feature_objective(model, "0"),
        lambda model: content_objective(model, torch.rand(1, 3, 16, 16)),
        lambda model: style_objective(model, torch.rand(1, 3, 16, 16)),
        lambda model: diversity_objective(model, "0"),
    ],
)
def test_a_plain_module_is_refused_with_the_way_to_make_a_judge_of_it(make: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"a Sequential is a plain module; make a judge of it with da.wrap\(module\)"):
        make(nn.Sequential(nn.Conv2d(3, 4, 3)))
    with pytest.raises(ValueError, match="a str is no judge; load one"):
        make("resnet18")
