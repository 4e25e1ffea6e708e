"""The stopwatch: when the judge looks, that its own time does not count, and where a climb is cut off."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from benchmarks.pace import Look
from benchmarks.peer_climbs import TimeIsUp, Watch, climb_with_recipe
from das_core.ascent.recipe import Recipe
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import classifier

WHITE = torch.ones(1, 3, 4, 4)


class Clock:
    """A clock that stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def start(*moments: float) -> tuple[Clock, Watch]:
    clock, answers = Clock(), iter(range(1, 99))

    def ask(image: Tensor) -> float:
        clock.now += 1000
        return next(answers) / 100

    return clock, Watch(ask, moments, clock)


def test_the_judge_looks_at_the_first_step_after_every_moment_and_its_time_does_not_count() -> None:
    clock, watch = start(2, 4, 60)
    for _ in range(9):
        clock.now += 0.75
        watch.tick(lambda: WHITE)
    assert watch.looks == [Look(2.25, 0.01), Look(4.5, 0.02)]
    assert watch.steps == 9
    assert not watch.finished
    watch.finish(2 * WHITE)
    assert watch.looks[2:] == [Look(6.75, 0.03)]
    assert watch.finished
    assert watch.image is not None
    assert torch.equal(watch.image, WHITE)


def test_a_long_step_passes_several_moments_and_the_last_one_ends_it() -> None:
    clock, watch = start(1, 2, 3)
    shown: Iterator[Tensor] = iter([WHITE, WHITE / 2])
    clock.now += 2.5
    watch.tick(lambda: next(shown))
    assert watch.looks == [Look(2.5, 0.01)] * 2
    clock.now += 1
    with pytest.raises(TimeIsUp):
        watch.tick(lambda: next(shown))
    assert watch.looks == [Look(2.5, 0.01), Look(2.5, 0.01), Look(3.5, 0.02)]
    assert watch.image is not None
    assert torch.equal(watch.image, WHITE / 2)
    assert not watch.finished


def test_a_recipe_tells_the_watch_of_every_step() -> None:
    _, watch = start(60)
    recipe = Recipe(steps=3, augmentation=Augmentation(2, Windows(8)))
    image = climb_with_recipe(recipe, 32)(classifier(), 3, watch)
    assert watch.steps == 3
    assert image.shape == (1, 3, 32, 32)
