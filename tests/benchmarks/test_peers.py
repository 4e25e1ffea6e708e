"""The report beside other libraries: its stopwatch, means over runs, and lines of code."""

from types import CodeType
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor

import direct_ascent as da
from benchmarks import peer_tasks, peers
from benchmarks.pace import Look
from benchmarks.peer_climbs import TimeIsUp, Watch
from benchmarks.peer_tasks import SHORT, TASKS, Row, count_lines, tabulate
from benchmarks.peers import average_at, check_peers, describe_runs, run_contestant
from cases import each_case
from das_core.models.classifier import Classifier
from toys import classifier

WHITE = torch.ones(1, 3, 4, 4)


class Clock:
    """A clock that stands still unless it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def start(*moments: float) -> tuple[Clock, Watch]:
    clock, answers = Clock(), iter(range(1, 99))

    def ask(image: Tensor) -> float:
        clock.now += 1000
        return next(answers) / 100

    return clock, Watch(ask, moments, clock)


def test_the_judge_looks_at_the_first_step_after_every_moment_and_its_time_does_not_count() -> None:
    clock, watch = start(2, 4, 60)
    for _ in range(9):
        clock.now += 0.75
        watch.tick(lambda: WHITE)
    assert watch.looks == [Look(2.25, 0.01), Look(4.5, 0.02)]
    assert (watch.steps, watch.finished) == (9, False)
    watch.finish(2 * WHITE)
    assert watch.looks[2:] == [Look(6.75, 0.03)]
    assert watch.finished
    assert watch.image is not None
    assert torch.equal(watch.image, WHITE)
    # A long step passes several moments, and the last one ends it.
    clock, watch = start(1, 2, 3)
    clock.now += 2.5
    watch.tick(lambda: WHITE)
    assert watch.looks == [Look(2.5, 0.01)] * 2
    clock.now += 1
    with pytest.raises(TimeIsUp):
        watch.tick(lambda: WHITE / 2)
    assert watch.looks[2:] == [Look(3.5, 0.02)]
    assert not watch.finished


def watched(*probabilities: float, finished: bool = True, steps: int = 10) -> Watch:
    looks = [Look(10.0 * number, probability) for number, probability in enumerate(probabilities, start=1)]
    return Watch(lambda image: 0.5, (), looks=looks, steps=steps, finished=finished)


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", {"torch": "torch", "no_such_module": "no-such-package"})
    with pytest.raises(ModuleNotFoundError, match=r"^no-such-package cannot be imported; run `python -m pip install"):
        check_peers()


def test_what_has_finished_keeps_its_last_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MOMENTS", (10.0, 20.0, 30.0))
    runs = [watched(0.2, 0.4, steps=7), watched(0.4, 0.2, 0.8, steps=9)]
    assert average_at(runs) == pytest.approx([0.3, 0.3, 0.6])
    assert describe_runs(runs) == "0.30 | 0.30 | 0.60 | 9 | 30 s"
    cut = [*runs, watched(0.0, 0.0, 0.1, finished=False, steps=8)]
    assert describe_runs(cut) == "0.20 | 0.20 | 0.43 | 8 | cut off in 1 of 3 runs"


def test_a_run_that_is_cut_off_keeps_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MOMENTS", (0.0,))
    toy = classifier()

    def climb(climber: Classifier, target: int, watch: Watch) -> Tensor:
        watch.tick(lambda: torch.full((1, 3, 32, 32), 0.25))
        raise AssertionError("the watch has not ended the climb")

    watch = run_contestant(climb, toy, toy, 3)
    assert watch.image is not None
    assert float(watch.image.mean()) == 0.25
    assert watch.looks[0].probability == pytest.approx(float(toy.probabilities(watch.image)[0, 3]))


def in_five_lines(model: Any, short: Any) -> str:
    import math  # A comment beside code.

    # A comment alone.
    number = math.floor(short)
    if number:
        number += 1

    return str(number)


def test_imports_and_code_count_and_the_table_says_how_many_lines_and_where_there_is_no_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert count_lines(in_five_lines) == 5
    rows = (Row("a", {"ours": in_five_lines, "theirs": in_five_lines}, {"theirs": "slowly"}), Row("b", {}))
    monkeypatch.setattr("benchmarks.peer_tasks.TASKS", rows)
    assert tabulate({"ours": "Ours", "theirs": "Theirs 2.0"}).splitlines() == [
        "| task | Ours | Theirs 2.0 |",
        "|---|---|---|",
        "| a | 5 | 5 (slowly) |",
        "| b | cannot | cannot |",
    ]


def list_names(code: CodeType) -> set[str]:
    return {*code.co_names}.union(*(list_names(part) for part in code.co_consts if isinstance(part, CodeType)))


def test_every_task_counts_all_the_imports_that_it_needs() -> None:
    for row in TASKS:
        for task in row.ways.values():
            assert list_names(task.__code__) & set(vars(peer_tasks)) <= {"PHOTO", "VECTOR", "nn", "torch"}


@each_case("row", *TASKS)
def test_every_task_runs_as_it_is_counted(row: Row) -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet18().eval()
    few_views = da.Recipe(steps=1, augmentation=da.views.Augmentation(1, da.views.Windows(16)))
    made: Any = row.ways["direct_ascent"](model, {**SHORT["direct_ascent"], "steps": 1, "recipe": few_views})
    assert made.image.shape == ({"eight channels at once": 8, "diversity of a batch": 4}.get(row.title, 1), 3, 64, 64)
    assert torch.isfinite(made.image).all()
