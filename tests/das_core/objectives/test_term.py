"""Objectives as data: sums, weights, what an ascent needs of a term, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case, refuses
from das_core.common.timeline import Timeline
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.objectives.change import MOST_KEYFRAMES
from das_core.objectives.objective import join_objectives
from das_core.objectives.priors import CanvasPixels
from das_core.objectives.term import TrackError
from das_core.stack import Time, Zoom
from das_core.stack.time import MOST_FRAMES
from direct_ascent import Objective, over_frames, over_keyframes, over_steps, prior, share_views
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


def film(frames: int, *, loop: bool = False) -> Timeline:
    return Time(frames, loop=loop).timeline


def at(objective: Objective, timeline: Timeline) -> list[float]:
    (only,) = {term.weigh_images(timeline) for term in objective.list_terms()}
    assert only is not None
    return list(only)


POINTS = ((0, 1.0), (4, 0.0), (9, -0.5))
FADING = over_frames(prior(), ((0, 1.0), (4, 0.0)))
ENVELOPE = over_frames(prior(weight=-2.0), [0.0, 0.25, 1.0, 0.1])
DEPTHS = over_frames(prior(), [1.0, 0.0, 0.5])
HALVES = Timeline((0.0, 0.5, 1.0, 1.5, 2.0), 3, 2, unit="depth")
AROUND_HALVES = Timeline((0.0, 0.5, 1.0, 1.5, 2.0, 2.5), 3, 3, loop=True, unit="depth")
AROUND = over_frames(prior(), ((1, 0.0), (3, 1.0)))


@each_case(
    ("track", "timeline", "expected"),
    # Linearly, and as at the nearest keyframe before the first and after the last.
    (over_frames(prior(), POINTS[::-1]), film(12), np.interp(range(12), [0, 4, 9], [1.0, 0.0, -0.5])),
    (over_frames(prior(), ((3, 0.5), (5, 1.0))), film(8), [0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 1.0, 1.0]),
    # Around the end of a loop.
    (
        over_frames(prior(), ((2, 1.0), (6, 0.0))),
        film(12, loop=True),
        np.interp(range(12), [2, 6], [1.0, 0.0], period=12),
    ),
    (over_frames(prior(), ((5, 0.7),)), film(12, loop=True), [0.7] * 12),
    # The last keyframe may be the end itself.
    (FADING, film(4), [1.0, 0.75, 0.5, 0.25]),
    (over_frames(prior(), ((0, 1.0), (2, 0.0), (4, 1.0))), film(4, loop=True), [1.0, 0.5, 0.0, 0.5]),
    # Curves change the way and not the keyframes.
    (over_frames(prior(), POINTS[:2], "cosine"), film(5), (1 + np.cos(np.pi * np.arange(5) / 4)) / 2),
    (over_frames(prior(), POINTS[:2], "step"), film(5), [1.0, 1.0, 0.0, 0.0, 0.0]),
    # A list of numbers is one for each frame.
    (ENVELOPE, film(4), [0.0, 0.25, 1.0, 0.1]),
    (over_frames(prior("l2"), {np.int64(0): 1.0, np.int64(2): 0.0}), film(3), [1.0, 0.5, 0.0]),  # type: ignore[dict-item]
    # Keyframes of a zoom are its depths, and moments lie between. In a loop the end is the first depth again.
    (FADING, Zoom(5).timeline, [1 - number / 16 for number in range(17)]),
    (DEPTHS, HALVES, [1.0, 0.5, 0.0, 0.25, 0.5]),
    (AROUND, AROUND_HALVES, [1.0, 0.5, 0.0, 0.25, 0.5, 0.75]),
)
def test_every_image_has_the_weight_of_its_place_between_keyframes(
    track: Objective, timeline: Timeline, expected: Any
) -> None:
    assert at(track, timeline) == pytest.approx(list(expected))


test_a_track_that_does_not_fit_the_images_is_refused = refuses(
    at,
    (FADING, film(4, loop=True), "keyframe 4 of a loop of 4 frames is frame 0 again"),
    (
        over_frames(prior("l2"), ((0, 1.0), (24, 0.0))),
        film(12),
        r"keyframe 24 of 'l2' is beyond the end of 12 .* 0 to 12, or take more",
    ),
    (ENVELOPE, film(2), "has 4 weights and there are 2 frames; give one for each"),
    (AROUND, Zoom(3).timeline, r"keyframe 3 .* beyond the end of 3 depths; write keyframes from 0 to 2"),
    error=TrackError,
)


test_points_and_curves_that_are_none_are_refused = refuses(
    lambda points, curve: over_frames(prior(), points, curve),
    ((), "linear", "a track has no keyframe"),
    (((0, 1.0), (0, 0.5)), "linear", "keyframe 0 stands there twice"),
    (((-1, 1.0),), "linear", "keyframe -1 is not a whole number from 0 up"),
    (((1.5, 1.0),), "linear", "keyframe 1.5 is not a whole number"),
    (((0, float("nan")),), "linear", "the weight nan of keyframe 0"),
    (POINTS, "wavy", "curve 'wavy' is unknown"),
)


def test_factors_multiply_with_those_of_steps_and_of_other_tracks_and_stay_in_sums_and_ensembles() -> None:
    half = over_frames(da.classes(0).on(classifier()), [0.5, 0.5, 1.0])
    both = over_frames(over_steps(half, 0.2, 0.4), ((0, 1.0), (2, 0.0)))
    (term,) = both.list_terms()
    assert at(both, film(3)) == [0.5, 0.25, 0.0]
    assert (term.weight_at(0.0), term.weight_at(1.0)) == (0.2, 0.4)
    for around in (half + half, share_views(half, half)):
        assert at(around, film(3)) == [0.5, 0.5, 1.0]


def test_objectives_that_follow_each_other_always_sum_to_one_and_may_be_several_terms() -> None:
    made: list[str] = []

    def make(name: str) -> Objective:
        made.append(name)
        return prior("l2") + prior("range") if name == "c" else prior("l2")

    terms = over_keyframes("8: b / 0: a / 3: c / 11: a", make).list_terms()
    assert made == ["a", "c", "b"]
    assert [term.name for term in terms] == ["l2", "l2", "range", "l2"]
    for loop in (True, False):
        factors: Any = [term.weigh_images(film(12, loop=loop)) for term in terms]
        assert factors[1] == factors[2]
        assert np.sum([factors[0], *factors[2:]], axis=0) == pytest.approx(np.ones(12))
    assert factors[0][::11] == (1.0, 1.0)
    with pytest.raises(ValueError, match="there is no keyframe"):
        over_keyframes({}, make)


@each_case(
    ("first", "second", "count"),
    # Built at run time: Python keeps one object for equal constants of a file.
    (int("483"), int("483"), 1),
    ((int("483"), "castle"), (int("483"), "castle"), 1),
    (int("483"), int("484"), 2),
    (1, True, 2),
    (1, "1", 2),
    ([483], [483], 2),
    (([483],), ([483],), 2),
    (torch.ones(2), torch.ones(2), 2),
)
def test_hashable_keyframes_are_one_if_they_are_equal_and_of_one_type(first: Any, second: Any, count: int) -> None:
    made: list[Any] = []

    def make(asked: Any) -> Objective:
        made.append(asked)
        return prior("l2")

    objective = over_keyframes({0: first, 4: "sea", 8: second}, make)
    assert len(made) == len(objective.list_terms()) == count + 1
    assert made[0] is first
    assert objective.list_terms()[0].tracks[0].points == ((0, 1.0), (4, 0.0), (8, 2.0 - count))


def test_there_may_be_a_keyframe_for_every_frame_of_the_longest_film_and_its_end() -> None:
    factor = [float(frame % 7) for frame in range(MOST_FRAMES)]
    track = over_frames(prior(), tuple(enumerate([*factor, factor[0]])))
    assert at(track, film(MOST_FRAMES)) == at(track, film(MOST_FRAMES, loop=True)) == factor
    assert MOST_KEYFRAMES == MOST_FRAMES + 1
    # Of 100,000 lines each would be weighed at all the others.
    text = "\n".join(f"{frame}: thing {frame}" for frame in range(100_000))
    says = f"100000 keyframes are more than a film has frames; give at most {MOST_KEYFRAMES}"
    with pytest.raises(ValueError, match=says):
        over_keyframes(text, lambda asked: pytest.fail("an objective was made"))
