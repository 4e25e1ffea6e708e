"""When a line is written to a log, and what it says."""

import io

from cases import each_case
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


@each_case(
    ("seconds", "steps", "total", "written"),
    [
        # A line for every tenth; ten steps take twenty seconds, so that there is a line in between too.
        (2.0, 100, 100, list(range(5, 101, 5))),
        # A slow node writes every ten seconds, and one that is through in a moment nothing.
        (4.0, 39, 100000, list(range(3, 40, 3))),
        (0.1, 4, 4, []),
        # A fast node writes one line a second and the last.
        (0.025, 100, 100, [40, 80, 100]),
        # All steps of a short run are told.
        (5.0, 3, 3, [1, 2, 3]),
    ],
)
def test_a_line_is_written_for_a_tenth_or_ten_seconds_but_at_most_one_a_second_and_the_last(
    seconds: float, steps: int, total: int, written: list[int]
) -> None:
    log = Log()
    assert [step for step in range(1, steps + 1) if log.update(seconds * step, step, total)] == written


def test_a_line_says_how_far_it_is_and_what_is_left() -> None:
    log = Log()
    assert log.update(30.0, 25, 100) == ["Optimize: 25 of 100, 00:30 passed, 01:30 left"]
    assert log.update(5000.0, 100, 100) == ["Optimize: 100 of 100, 1:23:20 passed, 00:00 left"]


def test_what_is_unknown_or_told_twice_is_not_written() -> None:
    log = Log()
    assert log.update(60.0, 5, 0) == []
    assert log.update(60.0, 0, 10) == []
    assert len(log.update(60.0, 5, 10)) == 1
    assert log.update(120.0, 5, 10) == []
