"""The pace of an ascent: what is counted, and when a probability is first reached."""

from dataclasses import replace

import pytest

from benchmarks.pace import Look, average, climb, first_time
from benchmarks.recipes import SKETCH
from das_core.models.sources.starters import load_starter
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows


def test_seconds_rise_from_the_first_step_on() -> None:
    small = StackSpec(64, 64, 16)
    recipe = replace(SKETCH, steps=3, augmentation=Augmentation(2, Windows(16)), spec=small)
    looks = climb(recipe, load_starter(), 107)
    assert len(looks) == 3
    # A process that has just begun has not spent minutes.
    assert 0 < looks[0].seconds < looks[1].seconds < looks[2].seconds < 600
    assert all(0 <= look.probability <= 1 for look in looks)


def test_runs_are_averaged_look_by_look_and_a_probability_is_reached_at_the_first_that_has_it() -> None:
    assert average([[Look(1.0, 0.2), Look(2.0, 0.4)], [Look(3.0, 0.4), Look(4.0, 0.8)]]) == [
        Look(2.0, pytest.approx(0.3)),
        Look(3.0, pytest.approx(0.6)),
    ]
    looks = [Look(2.0, 0.1), Look(4.0, 0.5), Look(6.0, 0.4)]
    assert (first_time(looks, 0.25), first_time(looks, 0.5), first_time(looks, 0.75)) == ("4 s", "4 s", "not reached")
