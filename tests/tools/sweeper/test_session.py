"""A session of a sweep: the text of a dry run, and what a cluster cannot be sent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sweeper.cells import SweepError, Workers
from sweeper.results import Results
from sweeper.session import Session
from sweeper.workflows import Plan


def test_a_dry_run_of_many_cells_lists_the_first_and_the_last_of_them(plan: Callable[..., Plan]) -> None:
    said = Session(plan("axes: {1.level: {from: 0, to: 1, count: 30}}"), Workers(number=3)).describe().splitlines()
    assert (said[0], said[13]) == ("30 cells:", "  … 6 more")
    assert ("1.level=0.0" in said[1], "1.level=1.0" in said[25], len(said)) == (True, True, 28)
    assert said[-1].startswith("30 cells on 3 workers (")


def test_only_the_pack_of_this_repository_goes_to_a_cluster(plan: Callable[..., Plan], tmp_path: Path) -> None:
    session = Session(plan("axes: {1.level: [0, 1]}"), Workers(address="127.0.0.1:1"), rehearsed=False)
    with pytest.raises(SweepError, match="--pack with --address: only this repository is sent to a cluster"):
        session.run(Results(tmp_path / "results"), retry=False)
