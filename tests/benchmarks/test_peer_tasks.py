"""Lines of code: what counts, and that ours, which need no other library, make the pictures that were asked for."""

import dis
from collections.abc import Iterator
from types import CodeType

import pytest
import torch
import torchvision

import direct_ascent as da
from benchmarks import peer_tasks
from benchmarks.peer_tasks import SHORT, TASKS, Row, count_lines, tabulate
from cases import each_case


def in_five_lines(first: int) -> str:
    import math  # A comment beside code.

    # A comment alone.
    numbers = [
        math.floor(first),
    ]

    return str(numbers)


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


def list_globals(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            yield step.argval
        elif isinstance(step.argval, CodeType):
            yield from list_globals(step.argval)


def test_every_task_counts_all_the_imports_that_it_needs() -> None:
    for task in (task for row in TASKS for task in row.ways.values()):
        assert set(list_globals(task.__code__)) & set(vars(peer_tasks)) <= {"PHOTO", "VECTOR"}


@each_case("row", TASKS)
def test_every_task_runs_as_it_is_counted(row: Row) -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet18().eval()
    few_views = da.Recipe(steps=1, augmentation=da.Augmentation(2, da.Windows(16)))
    made: da.Rendering = row.ways["direct_ascent"](model, {**SHORT["direct_ascent"], "steps": 1, "recipe": few_views})
    assert made.image.shape == ({"eight channels at once": 8, "diversity of a batch": 4}.get(row.title, 1), 3, 64, 64)
    assert torch.isfinite(made.image).all()
