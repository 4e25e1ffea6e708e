"""Functions for `interruptible`, which count how often they are called, and end the run at some call."""

from collections.abc import Callable
from typing import Any

import pytest

from das_core.common.interruption import interruptible


class StopError(Exception):
    pass


class Stop:
    """Counts its calls, and ends the run at call number `at`, from 1; 0 for never."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.calls = at, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise StopError


def count_looks(run: Callable[[], Any]) -> int:
    """Return at how many points a run can be cancelled, see `allow_interrupt`."""
    stop = Stop()
    with interruptible(stop):
        run()
    return stop.calls


def assert_ends_anywhere(run: Callable[[], Any], places: int = 5) -> int:
    """Check that a run ends at about `places` of the points where it can be cancelled; return how many there are."""
    looks = count_looks(run)
    assert looks > 0
    for at in {max(1, looks * place // places) for place in range(1, places + 1)}:
        with pytest.raises(StopError), interruptible(Stop(at)):
            run()
    return looks
