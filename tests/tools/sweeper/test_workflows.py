"""The cells of a grid: what is wrong with any of them before one runs, and what a run of one returns."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import skimage.data
import torch
from PIL import Image
from torchvision.transforms.functional import to_tensor

import run_workflow
from benchmarks import classes, text
from cases import each_case
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import judge_class
from das_core.runs.cells import Cell, RunsError, RunsStoppedError, Workers
from das_core.runs.engine import list_results_here
from repository import REPOSITORY
from runner.core_nodes import register_core_nodes
from runner.node_classes import load_pack_without_models
from runner.workflow_graph import Node, Workflow, WorkflowError, parse_workflow
from sweep_grids import COLOR
from sweeper.grid_file import read_grid
from sweeper.rehearsal import find_quick, rehearse
from sweeper.runs import CellJudge, WorkflowRunner, check_judge, read_wish
from sweeper.workflows import COLUMNS, Plan, Workflows, list_cells, make_plan

MakePlan = Callable[..., Plan]
SAVE = COLOR["2"]
MIX = {"6": {"class_type": "TOY_Mix", "inputs": {"images.image0": ["1", 0]}}}
OPTIMIZER: dict[str, Any] = COLOR | {
    "3": {"class_type": "TOY_Optimizer", "inputs": {"optimizer": "ascent", "optimizer.step_size": 1.0}},
    "4": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def list_all(plan: Plan) -> list[Cell]:
    return list(list_cells(plan.grid, Workflows(plan)).values())


def test_every_combination_is_a_cell_named_after_what_runs(plan: MakePlan, tmp_path: Path) -> None:
    few = list_all(plan("axes: {1.size: [4, 8], 1.level: [0, 0.5, 1]}"))
    assert [cell.task[1:] for cell in few[:2]] == [("color", {"1.size": 4, "1.level": level}) for level in (0, 0.5)]
    assert len({cell.hash for cell in few}) == len(few) == 6
    more = list_all(plan("axes: {Colour.level: [1, 0.25, 0.5, 0], 1.size: [8, 4]}"))
    assert {cell.hash for cell in few} < {cell.hash for cell in more}
    # The same nodes are the same cell, computed once; the default is not another value.
    made = plan("axes: {1.level: [0, 1]}\nset: {1.size: 4}")
    grid = made.grid.model_copy(update={"workflow": None, "workflows": {"one": "color.json", "two": "color.json"}})
    two = make_plan(grid, tmp_path, tmp_path, made.pack)
    assert [(cell.task[1], cell.columns["1.level"]) for cell in list_all(two)] == [("one", 0), ("one", 1)]
    plain, other = list_all(plan("set: {1.size: 4}\naxes: {1.batch: [1, 2]}"))
    assert [cell.hash for cell in list_all(plan("axes: {1.size: [4]}"))] == [plain.hash]
    assert plain.hash != other.hash


def test_another_picture_of_the_same_name_is_another_cell(
    plan: MakePlan, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {"1": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}, "2": SAVE}
    cells = []
    for level in (10, 20):
        Image.new("RGB", (4, 4), (level, 0, 0)).save(tmp_path / "photo.png")
        made = plan("axes: {2.filename_prefix: [a]}", nodes)
        cells += list_all(made)
    assert len({cell.hash for cell in cells}) == 2
    images = {"color": {"photo.png": (tmp_path / "photo.png").read_bytes()}}
    (tmp_path / "photo.png").unlink()
    monkeypatch.chdir(pack)
    (name,) = WorkflowRunner(made, 1, images)(cells[1].task, tmp_path)["pictures"]
    assert Image.open(tmp_path / name).getpixel((0, 0)) == (20, 0, 0)


def test_options_come_first_and_values_replace_links(plan: MakePlan) -> None:
    made = plan("axes: {1.size: [4]}\nset: {1.batch: 2, 1.level: 0.1}", OPTIMIZER)
    built = Workflows(made).build("color", {"3.optimizer.warmup": 7, "3.optimizer": "adam", "TOY_Color.level": 1})
    assert dict(built["3"].inputs) == {"optimizer": "adam", "optimizer.warmup": 7, "optimizer.decay": "none"}
    assert dict(built["1"].inputs) == {"size": 8, "batch": 2, "level": 1.0, "invert": False}
    nodes = COLOR | {"1": {"class_type": "TOY_Color", "inputs": {"size": ["7", 1]}}}
    nodes |= {"7": {"class_type": "TOY_Facts", "inputs": {}}}
    workflows = Workflows(plan("axes: {1.level: [1]}", nodes))
    assert "7" in workflows.build("color", {})
    assert "7" not in workflows.build("color", {"1.size": 4})


@each_case(
    ("text", "problem"),
    ("axes: {1.sise: [4]}", "node 1 (TOY_Color): no input 'sise'; nearest: size (1 of 1 cells)"),
    ("axes: {3.optimizer: [on]}", "optimizer = True is not one of ascent, adam; YAML reads yes, no, on and off"),
    ("axes: {1.size: [4], g: {group: {a: {1.size: 8}}}}", "two axes set the same input"),
    ("axes: {1.size: [4], TOY_Color.size: [8]}", "TOY_Color.size is set twice in one cell"),
    ("only: '2'\naxes: {3.optimizer: [adam]}", "optimizer changes nothing, because no output needs this node"),
    ("axes: {status: {group: {a: {}}}}", "axis status: the table has a column of this name"),
    ("only: Colour\naxes: {1.size: [4]}", "workflow color: node 1 (TOY_Color) has no output"),
)
def test_what_is_wrong_with_a_cell_is_said(plan: MakePlan, text: str, problem: str) -> None:
    with pytest.raises((WorkflowError, RunsError)) as caught:
        list_all(plan(text, OPTIMIZER))
    assert problem in str(caught.value)


def test_everything_wrong_is_listed_once_with_the_number_of_cells(plan: MakePlan) -> None:
    with pytest.raises(RunsError) as caught:
        list_all(plan("axes: {1.size: [4, 1, 99], 1.level: [0.5, 2]}"))
    assert sorted(caught.value.problems) == [
        "node 1 (TOY_Color): level = 2.0 is above the maximum 1.0; it takes FLOAT from 0.0 to 1.0 (1 of 6 cells)",
        "node 1 (TOY_Color): size = 1 is below the minimum 2; it takes INT from 2 to 16 (2 of 6 cells)",
        "node 1 (TOY_Color): size = 99 is above the maximum 16; it takes INT from 2 to 16 (2 of 6 cells)",
    ]
    with pytest.raises((WorkflowError, RunsError), match="workflow color: it has no output, such as SaveImage"):
        Workflows(plan("axes: {1.size: [4]}", {"1": COLOR["1"]}))


def test_quick_nodes_refuse_before_all_runs(plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = "axes: {3.optimizer.warmup: [3, 13, 99], 1.level: [0, 0.5, 1]}\nset: {3.optimizer: adam}"
    made = plan(axes, OPTIMIZER | {"5": {"class_type": "PreviewImage", "inputs": {"images": ["6", 0]}}} | MIX)
    workflows = Workflows(made)
    cells = list(list_cells(made.grid, workflows).values())
    assert sorted(find_quick(workflows.build("color", {}))) == ["1", "3"]
    with pytest.raises(RunsError) as caught:
        rehearse(cells, workflows)
    assert [problem.split(" (__init__")[0] for problem in sorted(caught.value.problems)] == [
        "RuntimeError: broken This was node 3 (TOY_Optimizer).",
        "node 3 (TOY_Optimizer): warmup 13; take 12 (3 of 9 checked cells)",
    ]
    # The clock is read once at the start and once before each cell: the third cell comes too late.
    monkeypatch.setattr("sweeper.rehearsal.time", SimpleNamespace(monotonic=iter([0, 1, 2, 99]).__next__))
    assert rehearse(cells, workflows) == 2
    assert not list(tmp_path.rglob("*.png"))


def test_a_cell_saves_what_run_workflow_saves(plan: MakePlan, pack: Path, tmp_path: Path) -> None:
    report = {"class_type": "TOY_Report", "inputs": {"image": ["1", 0], "shows": True}}
    made = plan("only: [Save Image, '4']\naxes: {1.level: [0.25, 1]}", COLOR | {"4": report})
    ((cell, _), runner) = list_all(made), WorkflowRunner(made, 1)
    (tmp_path / "swept").mkdir()
    row = runner(cell.task, tmp_path / "swept")
    assert row["pictures"] == ["color_00001_.png"]
    assert json.loads(row["texts"]) == {"Report": ["saw 1 images"]}
    list(run_workflow.run(tmp_path / "color.json", ["1.level=0.25"], tmp_path / "one", tmp_path, tmp_path, pack))
    single, swept = (tmp_path / name / "color_00001_.png" for name in ("one", "swept"))
    assert swept.read_bytes() == single.read_bytes()
    assert (row["threads"], row["torch"], row["load_seconds"] > 0) == (1, torch.__version__, True)


def test_a_cell_of_another_pack_stops_the_sweep(plan: MakePlan, tmp_path: Path) -> None:
    made = plan("axes: {1.level: [0.25]}")
    ((_, label, settings),) = [cell.task for cell in list_all(made)]
    with pytest.raises(RunsStoppedError, match="have changed since the sweep was started"):
        WorkflowRunner(made, 1)(("0" * 32, label, settings), tmp_path)


def test_pictures_come_first_and_a_cell_that_saves_none_is_not_rated(plan: MakePlan, tmp_path: Path) -> None:
    keep = {"class_type": "TOY_Keep", "inputs": {"image": ["1", 0]}}
    preview = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    made = plan("only: ['3']\njudge: {class: 1.size}\naxes: {1.level: [0.25]}", COLOR | {"3": keep})
    row = WorkflowRunner(made, 1)(list_all(made)[0].task, tmp_path)
    assert row["message"].startswith("judge: the cell saved no picture to rate, only kept.stack; add such a node")
    made = plan("axes: {1.level: [0.25]}", {"1": COLOR["1"], "2": preview, "3": keep, "4": SAVE})
    names = WorkflowRunner(made, 1)(list_all(made)[0].task, tmp_path)["pictures"]
    assert [name[:4] for name in names] == ["colo", "Prev", "kept"]


def test_the_columns_of_a_row_are_those_that_no_axis_may_have(plan: MakePlan, tmp_path: Path) -> None:
    made = plan("set: {2.filename_prefix: volcano}\naxes: {1.level: [1]}\njudge: {class: 2.filename_prefix}")
    (message,) = list_results_here(list_all(made), pickle.dumps(WorkflowRunner(made, 1)), Workers(), tmp_path)
    assert not isinstance(message, str)
    row, files = message
    assert row["status"] == "ok", row["message"]
    assert row.keys() - {"1.level"} == COLUMNS
    assert list(files) == row["pictures"]
    _, _, listed = (REPOSITORY / "docs" / "sweeps.md").read_text().partition("\nA `group` ")
    assert set(listed.partition("\n")[0].split("`")[1::2]) == COLUMNS


def wish(text: Any) -> Workflow:
    return {"1": Node("1", "DAS_ClassObjective", "Class Objective", {"classes": text, "classifier": ["2", 0]})}


def test_the_judge_answers_as_in_the_benches_and_the_wish_has_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(skimage.data.cat()).save(path)
    judge = CellJudge({"class": "1.classes"})
    (verdict,) = judge_class(load_starter(SECOND_OPINION), to_tensor(Image.open(path)).unsqueeze(0), [281])
    scores = [answer.score for answer in verdict]
    columns = judge.rate(path, wish("tabby"))
    assert list(columns.values()) == ["EfficientNet-Lite2", *scores, verdict.recognised]
    assert judge.rate(path, wish("281, 282")) == {}, "a picture cannot be both"
    assert judge.rate(path, wish("volcano"))["recognised"] is False
    for name in ("1.classes", "1.clases"):
        with pytest.raises((WorkflowError, RunsError), match=f"judge: {name} holds no text"):
            read_wish({"class": name}, wish(["3", 0]))


def test_the_judge_may_not_have_helped(tmp_path: Path) -> None:
    load_pack_without_models(REPOSITORY)
    register_core_nodes(tmp_path)
    nodes: dict[str, Any] = {
        "1": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "starter"}},
        "2": {"class_type": "DAS_ClassObjective", "inputs": {"classifier": ["1", 0], "classes": "tabby"}},
        "3": {"class_type": "DAS_Optimize", "inputs": {"objectives.objective0": ["2", 0]}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
        "5": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "second_opinion"}},
        "6": {"class_type": "DAS_Classify", "inputs": {"classifier": ["5", 0], "image": ["3", 0]}},
    }
    assert check_judge({"class": "2.classes"}, parse_workflow(nodes, "here")) == "tabby"
    nodes["1"]["inputs"]["source"] = "second_opinion"
    with pytest.raises(RunsError, match=r"node 1 \(DAS_LoadClassifier\) is the judge itself"):
        check_judge({"class": "2.classes"}, parse_workflow(nodes, "here"))


def test_every_example_is_a_grid_of_cells_and_those_of_quality_ask_for_what_the_benchmarks_ask(tmp_path: Path) -> None:
    grids = {path.stem: read_grid(path) for path in (REPOSITORY / "example_workflows" / "sweeps").glob("*.yaml")}
    plans = {name: make_plan(grid, tmp_path, tmp_path / "models", REPOSITORY) for name, grid in grids.items()}
    counts = {"feature_atlas": 112, "quality_classes": 160, "quality_text": 40, "small": 12}
    assert {name: len(list_all(plan)) for name, plan in plans.items()} == counts
    for name, axis, labels in (
        ("quality_classes", "DAS_Optimize.recipe", ["picture", "sketch"]),
        ("quality_classes", "DAS_ClassObjective.classes", classes.WISHES),
        ("quality_text", "DAS_TextObjective.text", [*text.PROMPTS]),
    ):
        assert [option.label for option in grids[name].axes[axis]] == labels
