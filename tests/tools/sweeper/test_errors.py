"""Errors of a sweep."""

from runner.workflow_graph import WorkflowError
from sweeper.errors import SweepError, SweepStoppedError


def test_it_holds_every_problem_and_says_them_in_one_line() -> None:
    error = SweepError("one", "two")
    assert (error.problems, str(error)) == (("one", "two"), "one; two")
    assert isinstance(error, WorkflowError)
    assert not issubclass(SweepStoppedError, SweepError)


def test_a_problem_that_repeats_a_whole_file_is_cut_in_its_middle() -> None:
    error = SweepError(f"axis {'x' * 5000} is none; name an input", "short")
    long, short = error.problems
    assert long.startswith("axis xxx")
    assert long.endswith("xxx is none; name an input")
    assert " […] " in long
    assert len(long) <= 1000
    assert short == "short"
    assert len(str(error)) <= 1000
