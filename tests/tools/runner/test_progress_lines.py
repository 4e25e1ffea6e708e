"""When a line is written to a log, and what it says."""

import io

import pytest

from runner.progress_lines import ProgressLines


class Log:
    """The lines of a node, at times that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.lines = ProgressLines("Optimize", self.stream, lambda: self.now)

    def update(self, now: float, done: float, total: float) -> list[str]:
        """Tell of progress at a time, and return what was written because of it."""
        before = len(self.written)
        self.now = now
        self.lines.update(done, total)
        return self.written[before:]

    @property
    def written(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_line_is_written_for_every_tenth(log: Log) -> None:
    steps = [step for step in range(1, 101) if log.update(2.0 * step, step, 100)]
    # Ten steps take twenty seconds, so that there is a line in between too.
    assert steps == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100]


def test_a_line_says_how_far_it_is_and_what_is_left(log: Log) -> None:
    assert log.update(30.0, 25, 100) == ["Optimize: 25 of 100, 00:30 passed, 01:30 left"]
    assert log.update(5000.0, 100, 100) == ["Optimize: 100 of 100, 1:23:20 passed, 00:00 left"]


def test_a_slow_node_writes_every_ten_seconds(log: Log) -> None:
    steps = [step for step in range(1, 40) if log.update(4.0 * step, step, 100000)]
    assert steps == list(range(3, 40, 3))


def test_a_node_that_is_through_in_a_moment_writes_nothing(log: Log) -> None:
    for step in range(1, 5):
        assert log.update(0.1 * step, step, 4) == []


def test_a_fast_node_writes_one_line_a_second_and_the_last(log: Log) -> None:
    steps = [step for step in range(1, 101) if log.update(0.025 * step, step, 100)]
    assert steps == [40, 80, 100]


def test_all_steps_of_a_short_run_are_told(log: Log) -> None:
    assert [step for step in range(1, 4) if log.update(5.0 * step, step, 3)] == [1, 2, 3]


def test_what_is_unknown_or_told_twice_is_not_written(log: Log) -> None:
    assert log.update(60.0, 5, 0) == []
    assert log.update(60.0, 0, 10) == []
    assert len(log.update(60.0, 5, 10)) == 1
    assert log.update(120.0, 5, 10) == []
