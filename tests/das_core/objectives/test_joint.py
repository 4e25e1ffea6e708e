"""Objectives that travel as one: an ascent climbs them as if each had been given by itself."""

from dataclasses import replace

import pytest
import torch

from das_core.ascent.groups import group_by_judge, name_objectives
from das_core.ascent.loop import Ascent
from das_core.objectives.base import split_objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.ensemble import EnsembleObjective
from das_core.objectives.joint import JointObjective
from das_core.objectives.prior import Prior
from das_core.objectives.track import Track, make_tracks
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, classifier

VIEWS = Augmentation(4, Windows(8))


def wishes() -> tuple[Track, ...]:
    model = classifier()
    return make_tracks({0: 3, 2: 5}, lambda target: ClassObjective(model, ((target, 1.0),)))


def test_an_ascent_is_that_of_its_parts_to_the_bit() -> None:
    stack = ImageStack.gray(replace(SPEC, time=Time(4)))
    parts = wishes()
    alone = Ascent(stack, parts, VIEWS, steps=3).run()
    joint = Ascent(stack, JointObjective(parts), VIEWS, steps=3).run()
    assert torch.equal(joint.image, alone.image)
    assert joint.history == alone.history
    assert list(joint.history[0].scores) == [part.name for part in parts]


def test_what_wraps_it_wraps_each_part() -> None:
    mask = torch.ones(1, 8, 8)
    wrapped = ScheduledObjective(RegionObjective(JointObjective(wishes()), mask), 0.5, 0.5)
    parts = split_objective(wrapped)
    assert [part.name for part in parts] == [part.name for part in wishes()]
    assert all(term.weight_at(0.0) == 0.5 and term.regions[0] is mask for part in parts for term in part.terms())
    # One model, one region: all see the same views.
    assert len(group_by_judge(name_objectives([wrapped]))) == 1


def test_joints_of_joints_are_taken_apart_and_an_objective_that_is_one_stays_itself() -> None:
    parts = wishes()
    both = JointObjective((JointObjective(parts), Prior("l2")))
    assert both.split() == (*parts, Prior("l2"))
    assert [name for name, _ in name_objectives([both, Prior("l2")])] == [*(p.name for p in parts), "l2", "l2 (2)"]
    alone = ScheduledObjective(Prior("l2"))
    assert split_objective(alone)[0] is alone
    assert split_objective(Prior("l2")) == (Prior("l2"),)


def test_what_does_not_take_it_apart_sees_all_terms() -> None:
    parts = wishes()
    ensemble = EnsembleObjective((JointObjective(parts), parts[0]))
    assert len(ensemble.terms()) == 3
    assert JointObjective(parts).weight == 1.0
    assert JointObjective(parts).describe_score(0.12345) == "0.123"


def test_nothing_is_nothing_to_join() -> None:
    with pytest.raises(ValueError, match="nothing to join; give at least one"):
        JointObjective(())
