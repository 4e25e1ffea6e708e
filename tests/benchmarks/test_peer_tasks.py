"""Lines of code: what counts, and that ours, which need no other library, make the pictures that were asked for."""

import dis
from collections.abc import Iterator
from types import CodeType

import pytest
import torch
import torchvision

import direct_ascent as da
from benchmarks import peer_tasks
from benchmarks.peer_tasks import SHORT, TASKS, Row, Task, count_lines, tabulate
from cases import each_case


def with_everything(first: int) -> str:
    """Say nothing."""
    import math  # A comment beside code.

    # A comment alone.
    numbers = [
        first,
        math.floor(2.5),
    ]

    return f"""{numbers}
    in two lines"""


def with_signature_over_lines(
    first: int,
    second: int,
) -> int:
    return first + second


def test_imports_and_code_count_and_the_table_says_how_many_lines_and_where_there_is_no_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert count_lines(with_everything) == 7
    assert count_lines(with_signature_over_lines) == 1
    rows = (
        Row("a", {"ours": with_everything, "theirs": with_signature_over_lines}, {"theirs": "slowly"}),
        Row("b", {"theirs": with_everything}, {}),
    )
    monkeypatch.setattr("benchmarks.peer_tasks.TASKS", rows)
    assert tabulate({"ours": "Ours", "theirs": "Theirs 2.0"}).splitlines() == [
        "| task | Ours | Theirs 2.0 |",
        "|---|---|---|",
        "| a | 7 | 1 (slowly) |",
        "| b | cannot | 7 |",
    ]


def list_globals(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            yield step.argval
        elif isinstance(step.argval, CodeType):
            yield from list_globals(step.argval)


@each_case("task", [task for row in TASKS for task in row.ways.values()])
def test_every_task_counts_all_the_imports_that_it_needs(task: Task) -> None:
    needed = set(list_globals(task.__code__)) & set(vars(peer_tasks))
    assert needed <= {"PHOTO", "VECTOR"}


@each_case("row", TASKS)
def test_every_task_runs_as_it_is_counted(row: Row) -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet18().eval()
    few_views = da.Recipe(steps=1, augmentation=da.Augmentation(2, da.Windows(16)))
    made: da.Rendering = row.ways["direct_ascent"](model, {**SHORT["direct_ascent"], "steps": 1, "recipe": few_views})
    assert made.image.shape == ({"eight channels at once": 8, "diversity of a batch": 4}.get(row.title, 1), 3, 64, 64)
    assert torch.isfinite(made.image).all()
    assert set(row.notes) <= set(row.ways)
