from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.curves import Curve, check_curve, interpolate

VALUES = st.floats(-1e3, 1e3)


@given(start=VALUES, end=VALUES, progress=st.floats(0, 1), later=st.floats(0, 1))
def test_a_curve_leads_from_the_start_to_the_end_and_never_turns_back_or_leaves_them(
    start: float, end: float, progress: float, later: float
) -> None:
    for curve in get_args(Curve):
        moments = (0.0, *sorted((progress, later)), 1.0)
        first, early, late, last = (interpolate(start, end, curve, moment) for moment in moments)
        assert first == start
        assert last == pytest.approx(end, rel=1e-12, abs=1e-9)
        assert min(start, end) - 1e-9 <= early <= max(start, end) + 1e-9
        assert (late - early) * (1 if end >= start else -1) >= -1e-9


@each_case(
    ("curve", "expected"),
    ("linear", [2.0, 1.0, 0.0, -1.0, -2.0]),
    # The height of a half-turn: cos of 0, 45, 90, 135 and 180 degrees, times 2.
    ("cosine", [2.0, np.sqrt(2), 0.0, -np.sqrt(2), -2.0]),
    ("step", [2.0, 2.0, -2.0, -2.0, -2.0]),
)
def test_the_quarters_of_every_curve(curve: Curve, expected: list[float]) -> None:
    check_curve(curve)
    values = [interpolate(2.0, -2.0, curve, progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(values, expected, atol=1e-12)
