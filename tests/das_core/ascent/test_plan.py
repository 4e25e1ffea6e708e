"""The plan of an ascent: groups of terms, names, weights, and which frame of a film each view shows."""

import math
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core.ascent.plan import Member, TermGroup, make_plan
from das_core.ascent.spreading import count_views, select_images, split_frames, spread_views
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.layers.activations import ActivationJudge
from gradient_by_hand import CPU, PACE, SEED, STEP, film, measure, noisy
from toys import SPEC, VIEWS, classifier, make_scoring, output_objective, toy_class


def test_pictures_of_a_batch_may_have_weights_of_their_own() -> None:
    """Without time: the track of a batch weights every image by itself, and one of weight 0 is not looked at."""
    stack, model = noisy(batch=3), classifier()
    objective = da.classes(((3, 1.0),)).on(model)
    gradient, _ = measure(stack, [da.over_frames(objective, [1.0, 0.0, -0.5])])
    plain, _ = measure(stack, [objective])
    expected = plain * torch.tensor([1.0, 0.0, -0.5])[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    scoring = make_scoring(stack, [da.over_frames(objective, [1.0, 0.0, -0.5])], VIEWS, SEED)
    assert {key.image for key in scoring.choose_keys(0, STEP, 3)} == {0, 2}


@each_case(
    "stack, track, dims, expected",
    (noisy(batch=2), [0.5, 0.0], (1, 2, 3), [0.5, 0.0]),
    # Its move is measured over a film, and in proportion to the frames that it acts on.
    (film(4), ((0, 0.0), (1, 0.5), (2, 0.0)), (0, 1, 2, 3), (0.5**2 / 4) ** 0.5),
)
def test_a_second_judge_counts_by_its_weights(stack: da.ImageStack, track: Any, dims: Any, expected: Any) -> None:
    first, second = toy_class(3), da.over_frames(toy_class(5, seed=1), track)
    one, both = (measure(stack, asked)[0] for asked in ([first], [first, second]))
    k, cutoff = stack.spec.operator(CPU), PACE.cutoff(48)
    sizes = [k.precondition(part, cutoff, PACE.tilt).square().sum(dim=dims).sqrt() for part in (one, both - one)]
    torch.testing.assert_close(sizes[1] / sizes[0], torch.tensor(expected), rtol=1e-3, atol=1e-6)


def test_the_weights_of_a_track_fit_the_film() -> None:
    film = da.ImageStack.gray(replace(SPEC, time=da.stack.Time(3)))
    with pytest.raises(ValueError, match="keyframe 9 of 'class 3' is beyond the end of 3 frames"):
        make_scoring(film, [da.over_frames(toy_class(), ((9, 1.0),))], VIEWS, 5)
    nothing = da.over_frames(toy_class(), [0.0, 0.0, 0.0])
    scoring = make_scoring(film, [nothing, da.prior()], VIEWS, 5)
    assert scoring.plan.groups[0].shown == [0, 1, 2]
    assert scoring.plan.groups[0].weigh(0.5, CPU) == 0


def test_a_group_counts_by_the_sum_of_its_weights() -> None:
    model = classifier()
    one = da.over_frames((2.0 * da.classes(((3, 1.0),)).on(model)), [1.0, 0.5])
    other = -1.0 * da.classes(((5, 1.0),)).on(model)
    pictures = make_scoring(da.ImageStack.gray(SPEC, 2), [one, other], VIEWS, 5)
    weights = pictures.plan.groups[0].weigh(0.5, CPU)
    assert isinstance(weights, Tensor)
    assert weights.flatten().tolist() == [3.0, 2.0]
    film = make_scoring(da.ImageStack.gray(replace(SPEC, time=da.stack.Time(2))), [one, other], VIEWS, 5)
    assert film.plan.groups[0].weigh(0.5, CPU) == pytest.approx(6.5**0.5)
    assert make_scoring(da.ImageStack.gray(SPEC, 2), [other], VIEWS, 5).plan.groups[0].weigh(0.5, CPU) == 1.0


APART = da.diversity("0").on(classifier())


test_terms_that_do_not_fit_are_refused = refuses(
    make_plan,
    (APART, SPEC, 1, "'0 diversity' compares the images of a batch, and there is one; make 2 or more"),
    (APART, replace(SPEC, time=da.stack.Time(3)), 3, "makes images differ, and frames belong together; leave it out"),
    (da.over_frames(APART, [1.0, 0.0]), SPEC, 2, "compares all images, so it has to count for all of them"),
    (da.in_region(toy_class(), torch.ones(1, 8, 8)), replace(SPEC, zoom=da.stack.Zoom(3)), 3, "a zoom has no regions"),
)


def test_objectives_of_one_module_in_one_region_make_one_group() -> None:
    one, other = classifier(seed=1), classifier(seed=2)
    everywhere = [da.classes(((3, 1.0),)).on(model) for model in (one, other, replace(one, owner=object()))]
    groups = make_plan(everywhere, SPEC, 1).groups
    names = [[member.name for member in group.members] for group in groups]
    assert names == [["class 3", "class 3 (3)"], ["class 3 (2)"]]
    assert [group.judge and group.judge.module for group in groups] == [one.module, other.module]
    here, there = torch.eye(8)[None], torch.ones(1, 8, 8)
    first, second = da.classes(((1, 1.0),)).on(one), da.classes(((2, 1.0),)).on(one)
    objectives = [da.in_region(first, here), da.in_region(second, here), da.in_region(first, there), first]
    groups = make_plan([da.prior(), *objectives], SPEC, 1).groups
    assert [len(group.members) for group in groups] == [2, 1, 1, 1]
    assert groups[-1].judge is None


def test_names_are_numbered_from_the_second_on_and_keep_their_order() -> None:
    model = classifier()
    # They differ even from names that look numbered.
    objectives = [output_objective(model, name=name) for name in ("cat", "cat", "cat (2)", "dog", "cat")]
    parts = make_plan(objectives, SPEC, 1).parts
    assert list(parts) == ["cat", "cat (2)", "cat (2) (2)", "dog", "cat (3)"]
    assert list(parts.values()) == [objective.terms for objective in objectives]


def test_the_output_or_the_features_of_a_model_and_its_activations_make_two_groups() -> None:
    model = classifier()
    inner = da.feature("1", "channel", 2).on(model)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    objectives = [da.content(picture, "3").on(model), da.classes(((3, 1.0),)).on(model), inner]
    groups = make_plan(objectives, SPEC, 1).groups
    assert [[member.name for member in group.members] for group in groups] == [["content", "1 channel 2"], ["class 3"]]
    inside, outside = (group.judge for group in groups)
    assert isinstance(inside, ActivationJudge)
    assert outside is model
    assert inside.module is model.module
    assert [layer.name for layer in inside.layers] == ["3", "1"]


def test_parts_of_one_objective_are_groups_that_take_turns() -> None:
    models = [classifier(seed=1), classifier(seed=2)]
    both = da.classes(((3, 1.0),)).on(ClassifierEnsemble.from_members(models))
    other = 0.4 * da.classes(((5, 1.0),)).on(ClassifierEnsemble.from_members(models))
    alone = da.classes(((7, 1.0),)).on(models[0])
    groups = make_plan([both, other, alone], SPEC, 1).groups
    assert [group.members[0].term.share for group in groups] == [(0, 2), (1, 2), (0, 1)]
    for group, model in zip(groups, [*models, models[0]], strict=True):
        assert group.judge is not None
        assert group.judge.module is model.module


@each_case("views, count", *product([1, 2, 5, 16], [1, 2, 3]))
def test_every_view_is_seen_by_one_part_and_all_take_turns(views: int, count: int) -> None:
    seen = torch.zeros(count)
    for step in range(count):
        terms = [da.Term("part", lambda output, images: output, share=(number, count)) for number in range(count)]
        chosen = [TermGroup(None, (Member("part", term),)).choose_views(views, step) for term in terms]
        assert sorted(view for part in chosen for view in part) == list(range(views))
        seen += torch.tensor([float(len(part)) for part in chosen])
    assert seen.tolist() == [views] * count


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 500), st.integers(0, 2**31))
def test_every_part_of_the_film_has_one_view(views: int, frames: int, step: int, seed: int) -> None:
    found = spread_views(views, frames, step, seed, 0)
    assert len(found) == views
    for view, frame in enumerate(found):
        assert math.floor(view * frames / views) <= frame <= math.floor((view + 1) * frames / views)
        assert 0 <= frame < frames
    # No frame is looked at twice while another waits.
    assert max(Counter(found).values()) <= math.ceil(views / frames)


@each_case(("views", "frames"), (24, 48), (4, 30), (1, 7), (16, 12))
def test_all_frames_have_their_turns_equally_often_and_none_waits_for_long(views: int, frames: int) -> None:
    steps = 400
    turns = [spread_views(views, frames, step, 3, 0) for step in range(steps)]
    seen = Counter(frame for shown in turns for frame in shown)
    expected = steps * views / frames
    assert len(seen) == frames
    assert all(0.9 * expected <= count <= 1.1 * expected for count in seen.values())
    longest, last = 0, dict.fromkeys(range(frames), -1)
    for step, shown in enumerate(turns):
        for frame in shown:
            longest, last[frame] = max(longest, step - last[frame]), step
    # By the three-gap theorem a golden offset leaves no gap of more than (1 + golden ratio) times an even share.
    assert longest <= math.ceil(2.7 * frames / views)


def test_seeds_and_groups_have_offsets_and_shares_of_their_own() -> None:
    keys = ((0, 0), (0, 0), (1, 0), (0, 1))
    first, again, seed, group = ([spread_views(3, 90, step, *key) for step in range(4)] for key in keys)
    assert first == again
    assert seed != first != group
    # A group that acts on a part of a film has its share of the views.
    assert [count_views(24, shown, 12) for shown in (12, 6, 1)] == [24, 12, 2]
    assert count_views(2, 1, 100) == 1


@each_case("device, size", ("cpu", 1), ("meta", 16))
def test_frames_are_split_without_a_rest_and_selected_in_order(device: str, size: int) -> None:
    parts = list(split_frames(range(3, 40), torch.device(device)))
    assert [frame for _, part in parts for frame in part] == list(range(3, 40))
    assert [begin for begin, _ in parts] == list(range(0, 37, size))
    values = torch.randn(5, 2, 3, 3)
    assert torch.equal(select_images(values, [3]), values[3:4])
    assert torch.equal(select_images(values, [0, 4, 2]), values[[0, 4, 2]])
