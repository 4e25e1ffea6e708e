"""Errors of a sweep."""

from runner.workflow_graph import WorkflowError
from sweeper.errors import MAX_PROBLEMS, SweepError, SweepStoppedError


def test_it_holds_every_problem_and_says_them_in_one_line() -> None:
    error = SweepError("one", "two")
    assert (error.problems, str(error)) == (("one", "two"), "one; two")
    assert isinstance(error, WorkflowError)
    assert not issubclass(SweepStoppedError, SweepError)


def test_a_long_problem_is_cut_in_its_middle_and_of_thousands_the_first_are_listed_and_the_others_counted() -> None:
    error = SweepError(f"axis {'x' * 5000} is none; name an input", "short")
    long, short = error.problems
    assert long.startswith("axis xxx")
    assert long.endswith("xxx is none; name an input")
    assert " […] " in long
    assert len(long) <= 1000
    assert short == "short"
    assert len(str(error)) <= 1000
    error = SweepError(*(f"problem {number}" for number in range(5000)))
    assert error.problems[:2] == ("problem 0", "problem 1")
    assert error.problems[-1] == f"and {5000 - MAX_PROBLEMS:,} more"
    assert len(error.problems) == MAX_PROBLEMS + 1
