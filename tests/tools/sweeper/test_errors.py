"""Errors of a sweep."""

from runner.workflow_graph import WorkflowError
from sweeper.errors import SweepError, SweepStoppedError


def test_it_holds_every_problem_and_says_them_in_one_line() -> None:
    error = SweepError("one", "two")
    assert (error.problems, str(error)) == (("one", "two"), "one; two")
    assert isinstance(error, WorkflowError)
    assert not issubclass(SweepStoppedError, SweepError)
