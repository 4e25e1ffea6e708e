"""The rehearsal: nodes that only prepare say what they refuse before anything is computed."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.core_nodes import register_core_nodes
from runner.node_classes import load_pack
from runner.runtime_setup import set_folders
from runner.workflow_execution import prepare_workflow
from runner.workflow_graph import parse_workflow
from sweep_grids import COLOR
from sweeper.errors import SweepError
from sweeper.grid_cells import list_cells
from sweeper.rehearsal import list_preparations, rehearse

Write = Callable[..., Path]
Load = Callable[..., Any]

PICKY: dict[str, Any] = COLOR | {
    "3": {"class_type": "TOY_Picky", "inputs": {"word": "fine"}},
    "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
}


@pytest.fixture
def pack(pack: Path, tmp_path: Path) -> Path:
    """The toy pack with a node that refuses a word when it runs, as Class Objective does."""
    folder = tmp_path / "picky_pack"
    folder.mkdir()
    text = (pack / "__init__.py").read_text()
    node = """
class Picky(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TOY_Picky", category="toy", inputs=[io.String.Input("word")], outputs=[io.String.Output()]
        )

    @classmethod
    def execute(cls, word: str) -> io.NodeOutput:
        if word == "crash":
            raise RuntimeError("broken")
        if word != "fine":
            raise ValueError(f"no word {word!r}; the nearest is fine")
        return io.NodeOutput(word)

"""
    text = text.replace("class Extension(", node + "\nclass Extension(").replace("[Color, ", "[Picky, Color, ")
    (folder / "__init__.py").write_text(text)
    return folder


def test_a_node_is_asked_once_for_each_value(write_grid: Write, load: Load) -> None:
    text = "workflow: color.json\naxes: {3.word: [fine, fin, crash], 1.level: [0, 0.5, 1]}"
    grid, workflows = load(write_grid(text, PICKY))
    cells = list_cells(grid, workflows)
    with pytest.raises(SweepError) as caught:
        rehearse(cells, workflows)
    assert sorted(caught.value.problems) == [
        "RuntimeError: broken This was node 3 (TOY_Picky). (3 of 9 checked cells)",
        "node 3 (TOY_Picky): no word 'fin'; the nearest is fine (3 of 9 checked cells)",
    ]


def test_only_the_cells_that_were_reached_in_time_are_counted(
    write_grid: Write, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, workflows = load(write_grid("workflow: color.json\naxes: {3.word: [fin, fine], 1.level: [0, 0.5, 1]}", PICKY))
    # The clock is read once at the start and once before each cell: the fifth cell comes too late.
    clock = SimpleNamespace(monotonic=iter([0, 1, 2, 3, 4, 99]).__next__)
    cells = list_cells(grid, workflows)
    monkeypatch.setattr("sweeper.rehearsal.time", clock)
    with pytest.raises(SweepError, match=r"no word 'fin'; the nearest is fine \(3 of 4 checked cells\)"):
        rehearse(cells, workflows)


def test_what_passes_is_counted_and_nothing_is_saved(write_grid: Write, load: Load, tmp_path: Path) -> None:
    grid, workflows = load(write_grid("workflow: color.json\naxes: {1.level: [0, 0.5, 1]}", PICKY))
    cells = list_cells(grid, workflows)
    assert rehearse(cells, workflows) == 3
    assert rehearse(cells, workflows, max_seconds=-1) == 0
    assert not list(tmp_path.rglob("*.png"))


def test_nodes_that_make_images_of_others_are_left_out(pack: Path, tmp_path: Path) -> None:
    set_folders(tmp_path, tmp_path, tmp_path)
    register_core_nodes(tmp_path)
    load_pack(pack)
    nodes = PICKY | {
        "5": {"class_type": "TOY_Mix", "inputs": {"images.image0": ["1", 0]}},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0]}},
    }
    parts = list_preparations(prepare_workflow(parse_workflow(nodes, "here")))
    assert [list(part) for part in parts] == [["1"], ["3"]]
