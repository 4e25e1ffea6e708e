"""The text that Optimize shows: the step, the time that is left, and the scores that fit."""

from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from cases import each_case
from das_core.objectives.priors import prior
from das_core.objectives.term import Term
from loaded_pack import Pack


class Named(dict[str, tuple[Term, ...]]):
    """Parts of any name, whose scores are plain numbers."""

    def __missing__(self, name: str) -> tuple[Term, ...]:
        return prior().terms


NAMED = Named()


@pytest.fixture
def status(pack: Pack) -> ModuleType:
    return pack.module("nodes.ascent.status")


def clock(*times: float) -> Callable[[], float]:
    """A clock that shows these times one after the other."""
    shown: Iterator[float] = iter(times)
    return lambda: next(shown)


def test_a_step_says_its_number_what_is_left_and_its_score(status: ModuleType) -> None:
    line = status.Status(100, NAMED, clock(0, 5, 6, 8))
    # The first step, which took five seconds, says nothing about those to come.
    assert line.describe_step(1, {"jellyfish": 0.0}) == "step 1/100 ·\njellyfish 0"
    assert line.describe_step(2, {"jellyfish": 1.234}) == "step 2/100 · 98 s left ·\njellyfish 1.23"
    assert line.describe_step(3, {"jellyfish": 12.34}) == "step 3/100 · 2 min left ·\njellyfish 12.3"


def test_the_time_that_is_left_is_that_of_the_last_steps(status: ModuleType) -> None:
    # Ten slow steps, then one that was interrupted by something else among quick ones.
    ends = [10 * number for number in range(11)] + [101, 102, 103, 143, 144, 145, 146, 147]
    line = status.Status(50, NAMED, clock(0, *ends[1:]))
    said = [line.describe_step(done, {"x": 0}) for done in range(1, len(ends))]
    assert said[9].startswith("step 10/50 · 7 min left ·\n")
    assert said[-1].startswith("step 18/50 · 32 s left ·\n")


@each_case(("done", "line"), [(3, "3 steps in 61 s"), (2, "finished at step 2/3 in 61 s")])
def test_the_end_says_whether_it_was_early(status: ModuleType, done: int, line: str) -> None:
    assert status.Status(3, NAMED, clock(0, 61)).describe_end(done, {"jellyfish": 14.1}) == f"{line} ·\njellyfish 14.1"


def test_a_cancelled_run_says_how_far_it_came(status: ModuleType) -> None:
    assert status.Status(100, NAMED, clock(0)).describe_cancel(14) == "cancelled after 14/100 steps, nothing saved"


@each_case(
    ("scores", "shown"),
    [
        ({"jellyfish": 12.3, "goldfish": 4.1}, "jellyfish 12.3 · goldfish 4.1"),
        ({"a coral reef full of fish": 0.3214, "total variation": -0.0514}, "a coral reef full o… 0.321 · 1 more"),
        ({"a": 1, "b": 2, "c": 3}, "a 1 · b 2 · c 3"),
        ({"a name of its own": 1234.5, "a name of its own (2)": 1, "third": 1}, "a name of its own 1234 · 2 more"),
        ({"on two\nlines": 1e-7}, "on two lines 1e-07"),
        ({"lost": float("nan")}, "lost nan"),
    ],
)
def test_as_many_scores_are_shown_as_a_node_has_room_for(
    status: ModuleType, scores: dict[str, float], shown: str
) -> None:
    assert status.Status(1, NAMED, clock(0, 1)).describe_end(1, scores) == f"1 steps in 1 s ·\n{shown}"


@each_case(("seconds", "text"), [(0.2, "0 s"), (99, "99 s"), (130, "2 min"), (7500, "2 h 5 min")])
def test_times_have_the_unit_that_suits_them(status: ModuleType, seconds: float, text: str) -> None:
    assert status.Status(1, NAMED, clock(0, seconds)).describe_end(1, {}) == f"1 steps in {text} ·\n"


def test_a_score_is_written_as_its_objective_says(status: ModuleType, pack: Pack) -> None:
    objective = pack.objective(score="log_probability")
    line = status.Status(1, {"class 3": objective.terms}, clock(0, 1))
    assert line.describe_end(1, {"class 3": -0.222}) == "1 steps in 1 s ·\nclass 3 80%"
