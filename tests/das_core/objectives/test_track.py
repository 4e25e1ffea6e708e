"""Factors over time: of every image between keyframes, of wishes that follow each other, and what fits no images."""

from typing import Any

import numpy as np
import pytest
import torch

import direct_ascent as da
from cases import each_case, refuses
from das_core.common.timeline import Timeline
from das_core.objectives.change import MOST_KEYFRAMES
from das_core.objectives.track import TrackError
from das_core.stack import Time, Zoom
from das_core.stack.time import MOST_FRAMES
from direct_ascent import Objective, over_frames, over_keyframes, over_steps, prior, share_views
from toys import classifier


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


def test_wishes_that_follow_each_other_always_sum_to_one_and_may_be_several_terms() -> None:
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
def test_hashable_wishes_are_one_if_they_are_equal_and_of_one_type(first: Any, second: Any, count: int) -> None:
    made: list[Any] = []

    def make(wish: Any) -> Objective:
        made.append(wish)
        return prior("l2")

    asked = over_keyframes({0: first, 4: "sea", 8: second}, make)
    assert len(made) == len(asked.list_terms()) == count + 1
    assert made[0] is first
    assert asked.list_terms()[0].tracks[0].points == ((0, 1.0), (4, 0.0), (8, 2.0 - count))


def test_there_may_be_a_keyframe_for_every_frame_of_the_longest_film_and_its_end() -> None:
    factor = [float(frame % 7) for frame in range(MOST_FRAMES)]
    track = over_frames(prior(), tuple(enumerate([*factor, factor[0]])))
    assert at(track, film(MOST_FRAMES)) == at(track, film(MOST_FRAMES, loop=True)) == factor
    assert MOST_KEYFRAMES == MOST_FRAMES + 1
    # Of 100,000 lines each would be weighed at all the others.
    text = "\n".join(f"{frame}: wish {frame}" for frame in range(100_000))
    says = f"100000 keyframes are more than a film has frames; give at most {MOST_KEYFRAMES}"
    with pytest.raises(ValueError, match=says):
        over_keyframes(text, lambda wish: pytest.fail("an objective was made"))
