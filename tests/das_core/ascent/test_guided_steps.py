"""Which steps of a sampler are guided."""

from typing import Any

import pytest
import torch

from benchmarks.exact_denoiser import falling_levels
from cases import each_case
from das_core.ascent.guided_steps import GuidedSteps

LEVELS = [10.0, 8.0, 6.0, 4.0, 2.0, 1.0, 0.0]


def numbers(steps: GuidedSteps, highest: float = 1e9, lowest: float = 0.0, levels: list[float] = LEVELS) -> list[int]:
    found = [steps.find(level, levels, highest, lowest) for level in levels[:-1]]
    return [step.number for step in found if step]


@each_case(
    ("every", "highest", "lowest", "expected"),
    [
        (1, 1e9, 0.0, [0, 1, 2, 3, 4, 5]),
        (2, 1e9, 0.0, [0, 2, 4]),
        (1, 8.0, 2.0, [1, 2, 3, 4]),
        (2, 9.0, 1.5, [1, 3]),
        (100, 9.0, 0.0, [1]),
        (1, 3.9, 2.1, []),
    ],
)
def test_every_nth_of_the_steps_between_two_noise_levels(
    every: int, highest: float, lowest: float, expected: list[int]
) -> None:
    assert numbers(GuidedSteps(every=every), highest, lowest) == expected


def test_progress_goes_from_0_to_1_over_the_guided_steps_and_the_last_is_marked() -> None:
    found = [GuidedSteps(every=2).find(level, LEVELS, 9.0, 0.0) for level in (8.0, 4.0, 1.0)]
    assert [(step.progress, step.is_last) for step in found if step] == [(0.0, False), (0.5, False), (1.0, True)]
    alone = GuidedSteps().find(8.0, LEVELS, 8.0, 8.0)
    assert alone is not None
    assert (alone.progress, alone.is_last) == (0.0, True)


def test_noise_between_two_levels_belongs_to_the_step_above_and_a_rounded_level_to_its_own() -> None:
    steps = GuidedSteps(every=2)
    assert steps.find(7.0, LEVELS, 1e9, 0.0) is None
    between = steps.find(5.0, LEVELS, 1e9, 0.0)
    assert between is not None
    assert between.number == 2
    # Noise that a sampler has added to its first level.
    churned = steps.find(11.0, LEVELS, 1e9, 0.0)
    assert churned is not None
    assert churned.number == 0
    # Levels that were computed anew in float32 are the same.
    levels = falling_levels(20)
    rounded = [float((torch.tensor(level).log() * 1.0).exp()) for level in levels[:-1]]
    found = [GuidedSteps().find(level, levels, 1e9, 0.0) for level in rounded]
    assert [step.number for step in found if step] == list(range(20))


@each_case(
    ("settings", "says"),
    [
        ({"start_percent": 0.5, "end_percent": 0.5}, r"start_percent 0.5 is not below end_percent 0.5, so no step"),
        ({"start_percent": 0.8, "end_percent": 0.2}, r"lower the first or raise the second"),
        ({"start_percent": -0.1}, r"start_percent -0.1 is not between 0 \(pure noise\) and 1"),
        ({"end_percent": float("nan")}, r"end_percent nan is not between"),
        ({"every": 0}, r"every 0 is too small; 1 guides each step"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        GuidedSteps(**settings)
