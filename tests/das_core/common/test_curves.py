from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.common.curves import Curve, check_curve, interpolate

CURVES = get_args(Curve)
VALUES = st.floats(-1e3, 1e3)


@given(start=VALUES, end=VALUES, progress=st.floats(0, 1), later=st.floats(0, 1))
def test_a_curve_leads_from_the_start_to_the_end_and_never_turns_back_or_leaves_them(
    start: float, end: float, progress: float, later: float
) -> None:
    progress, later = sorted((progress, later))
    direction = 1 if end >= start else -1
    for curve in CURVES:
        assert interpolate(start, end, curve, 0.0) == start
        assert interpolate(start, end, curve, 1.0) == pytest.approx(end, rel=1e-12, abs=1e-9)
        early, late = (interpolate(start, end, curve, moment) for moment in (progress, later))
        assert direction * (late - early) >= -1e-9
        assert min(start, end) - 1e-9 <= early <= max(start, end) + 1e-9


@each_case(
    ("curve", "expected"),
    [
        ("linear", [2.0, 1.0, 0.0, -1.0, -2.0]),
        # The height of a half-turn: cos of 0, 45, 90, 135 and 180 degrees, times 2.
        ("cosine", [2.0, np.sqrt(2), 0.0, -np.sqrt(2), -2.0]),
        ("step", [2.0, 2.0, -2.0, -2.0, -2.0]),
    ],
)
def test_the_quarters_of_every_curve(curve: Curve, expected: list[float]) -> None:
    values = [interpolate(2.0, -2.0, curve, progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_a_cosine_is_flat_at_both_ends_and_steepest_in_the_middle() -> None:
    progress = np.linspace(0, 1, 1001)
    slope = np.gradient([interpolate(0.0, 1.0, "cosine", float(moment)) for moment in progress], progress)
    assert slope[0] == pytest.approx(0, abs=5e-3)
    assert slope[-1] == pytest.approx(0, abs=5e-3)
    assert int(slope.argmax()) == 500
    assert slope.max() == pytest.approx(np.pi / 2, abs=1e-4)


def test_a_step_comes_exactly_half_way() -> None:
    assert interpolate(1.0, 3.0, "step", float(np.nextafter(0.5, 0))) == 1.0
    assert interpolate(1.0, 3.0, "step", 0.5) == 3.0


def test_every_curve_is_known_and_others_are_refused() -> None:
    for curve in CURVES:
        check_curve(curve)
    with pytest.raises(ValueError, match="curve 'wild' is unknown; choose one of linear, cosine, step"):
        check_curve("wild")  # type: ignore[arg-type]
