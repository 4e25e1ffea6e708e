"""The pace of an ascent: rate, coarse progress and progress of its steps, and the low-pass that they lead to."""

import math
import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import each_case
from das_core.ascent.pace import COARSEST_CUTOFF, FINEST_CUTOFF, Pace, Schedule, pace_at, pace_at_noise
from das_core.common.text import shorten


@each_case(
    "schedule, coarse, steps, rates, shares",
    ("constant", 0.0, (0, 99), (1.0, 1.0), (1.0, 1.0)),
    ("constant", 0.6, (30, 80), (1.0, 1.0), (0.5, 1.0)),
    ("cosine", 0.0, (0, 50, 75), (1.0, 0.5, 0.5 - math.sqrt(0.125)), (1.0, 1.0, 1.0)),
    ("cosine", 0.6, (0, 30, 60, 80), (1.0, 1.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)),
    ("cosine", 1.0, (99,), (1.0,), (0.99,)),
)
def test_paces_of_a_hundred_steps(schedule: Schedule, coarse: float, steps: Any, rates: Any, shares: Any) -> None:
    paces = [pace_at(step, 100, schedule, coarse) for step in steps]
    assert [pace.rate for pace in paces] == pytest.approx(rates)
    assert [pace.coarse_progress for pace in paces] == pytest.approx(shares)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.sampled_from(["constant", "cosine"]), st.floats(0, 1))
def test_an_ascent_slows_and_opens_without_a_stop(steps: int, schedule: Schedule, coarse: float) -> None:
    paces = [pace_at(step, steps, schedule, coarse) for step in range(steps)]
    assert paces[0].rate == 1
    # A rate of nothing would be a step for nothing.
    assert all(0 < pace.rate <= 1 and 0 <= pace.coarse_progress <= 1 for pace in paces)
    for earlier, later in pairwise(paces):
        assert later.rate <= earlier.rate
        assert later.coarse_progress >= earlier.coarse_progress
        assert later.rate == earlier.rate or later.coarse_progress == 1


@each_case("schedule", "cosine", "constant", lambda progress: 1 - progress)
def test_progress_goes_evenly_from_the_first_step_to_the_last_and_a_tilt_falls_with_it(schedule: Schedule) -> None:
    paces = [pace_at(step, 5, schedule, 0.6, tilt=2.0) for step in range(5)]
    assert [pace.progress for pace in paces] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert [pace.tilt for pace in paces] == pytest.approx([2.0, 1.65, 1.3, 0.95, 0.6])
    if callable(schedule):
        # A function says the rate and nothing else.
        assert paces == [replace(pace_at(n, 5, "cosine", 0.6, tilt=2.0), rate=1 - n / 4) for n in range(5)]
    # One step is a whole one.
    assert pace_at(0, 1, schedule, 0.0) == Pace(1.0, 1.0, 0.0)


def test_cutoff_rises_by_equal_factors_from_the_coarsest() -> None:
    assert [Pace(1.0, share).cutoff(336) for share in (0.0, 0.5)] == pytest.approx([20, math.sqrt(20 * 1.2 * 336)])
    assert Pace(1.0, 1.0).cutoff(336) is None
    # A small canvas is never coarser than the coarsest.
    assert Pace(1.0, 0.9).cutoff(4) == 20


@each_case("rate", 0, True, np.float32(0.25), torch.tensor(0.25), Fraction(1, 4))
def test_a_rate_is_any_number_from_0_to_1(rate: Any) -> None:
    pace = pace_at(3, 10, lambda progress: rate, 0.0)
    assert type(pace.rate) is float
    assert pace.rate == float(rate)


@each_case("rate", -0.1, 1.5, math.nan, None, "fast", torch.ones(2), 10**400)
def test_what_is_no_rate_is_named(rate: Any) -> None:
    told = re.escape(shorten(rate))
    with pytest.raises(ValueError, match=rf"the schedule returns {told} at a progress of 0\.333; .* in 0\.\.1"):
        pace_at(3, 10, lambda progress: rate, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 512), st.floats(0, 1))
def test_the_less_noise_is_left_the_finer_the_pace(side: int, progress: float) -> None:
    paces = [pace_at_noise(noise, side, progress) for noise in (math.inf, 100.0, 5.0, 1.0, 0.5, 0.1, 0.0)]
    shares = [pace.coarse_progress for pace in paces]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] == 1
    assert all((pace.rate, pace.progress, pace.tilt) == (1, progress, 0) for pace in paces)


def test_the_cutoff_is_where_a_natural_spectrum_meets_the_noise_if_a_latent_has_room_for_one() -> None:
    # The power of a picture of deviation 1 and N samples a side, A / f^2, summed over the frequencies of a quarter
    # plane, is N^2; at the cutoff it is that of the noise.
    side, noise = 256, 0.6
    frequency = torch.arange(1, side)
    radius = (frequency[:, None].square() + frequency.square()).sqrt()
    amount = side**2 / float(((radius < side) / radius.square()).sum())
    crossing = math.sqrt(amount) / noise
    share = math.log(crossing / COARSEST_CUTOFF) / math.log(FINEST_CUTOFF * side / COARSEST_CUTOFF)
    assert pace_at_noise(noise, side, 0.0).coarse_progress == pytest.approx(share, abs=0.06)
    assert pace_at_noise(14.0, 16, 0.0).coarse_progress == 1
