"""The ratings of a sweep: a held-out model rates one picture of each cell, if the grid file has the entry `judge`.

The quality benchmarks rate pictures in the same way (`benchmarks/recognition.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torchvision.transforms.functional import to_tensor

from das_core.models.label_sets import imagenet_labels
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.classes import parse_classes
from das_core.report.recognition import Verdict, judge_class, judge_text
from runner.node_classes import get_node_class
from runner.picture_file import is_picture_name, open_picture
from runner.workflow_graph import Node, Workflow, WorkflowError, find_input, find_node, suggest_names
from sweeper.errors import SweepError
from sweeper.journal import Row

_INVOLVED = ("DAS_LoadClassifier", "DAS_LoadCLIP")


class CellJudge:
    """Rates pictures of cells by a held-out model, on the CPU, as the benchmarks do.

    The model is loaded when the first picture is rated.

    Args:
        kind: "class" or "text": what the cells ask for.
        wish: the input that holds the class or text that a cell asks for, as NODE.INPUT.
        choices: for "text", the texts among which the model has to find the right one.
    """

    def __init__(self, kind: str, wish: str, choices: Sequence[str] = ()) -> None:
        self._kind, self._wish, self._choices = kind, wish, list(choices)
        self._model: Any = None

    def judge(self, picture: Path, built: Workflow) -> Row:
        """Return the columns of the table about one picture.

        Args:
            picture: the file with the picture in 8 bits.
            built: the nodes of the cell that made the picture.

        Returns:
            The columns of the table: `judge`, the name of the model (if a text was asked for, followed by the number of
            texts that the model chose among); `judge_as_is`, `judge_afar` and `judge_grey`, the scores of the picture
            in its three forms (as it is, from afar, in grey); and `recognised`. A score is the probability of the
            class, or the cosine between the picture and the text. If the cell asks for several classes, there are no
            columns, because only one class can come first.

        Raises:
            ValueError: the file is no readable picture, or the model cannot rate the class or text.
        """
        wish = read_wish(built, self._wish)
        with open_picture(picture) as opened:
            images = to_tensor(opened.convert("RGB")).unsqueeze(0)
        if self._kind == "class":
            targets = parse_classes(wish, imagenet_labels())
            if len(targets) > 1:
                return {}
            self._model = self._model or load_starter(SECOND_OPINION)
            (verdict,) = judge_class(self._model, images, [targets[0][0]])
            return _to_columns(self._model.name, verdict)
        self._model = self._model or load_starter_clip(SECOND_OPINION)
        (verdict,) = judge_text(self._model, images, [wish, *self._choices])
        return _to_columns(f"{self._model.name} of {len({wish, *self._choices})} texts", verdict)


def _to_columns(name: str, verdict: Verdict) -> Row:
    scores = dict(zip(("judge_as_is", "judge_afar", "judge_grey"), (a.score for a in verdict.answers), strict=True))
    return {"judge": name, **scores, "recognised": verdict.recognised}


def read_wish(built: Workflow, path: str) -> str:
    """Return the class or text that a cell asks for.

    Args:
        built: the nodes of the cell.
        path: the input that holds the class or text, as NODE.INPUT.

    Raises:
        SweepError: there is no such input, or it is linked to another node.
    """
    try:
        node, name = find_input(built, path)
    except WorkflowError as error:
        raise SweepError(f"judge: {error}") from error
    if name not in node.inputs or isinstance(node.inputs[name], list):
        raise SweepError(f"judge: {path} holds no text; name the input that does, such as DAS_PickClass.name")
    return str(node.inputs[name])


def find_rated(built: Workflow, name: str) -> Node:
    """Return the output node that a grid file names in its entry `judge: image`; its first picture is rated.

    Args:
        built: the nodes of the cell.
        name: what the entry contains: the id, class or title of the node.

    Raises:
        SweepError: no output node of the cell has this name, or several have it.
    """
    outputs = {node.id: node for node in built.values() if getattr(get_node_class(node), "OUTPUT_NODE", False)}
    try:
        found = find_node(outputs, name)
    except WorkflowError as error:
        raise SweepError(f"judge: image: {error}") from error
    if found is None:
        names = [known for node in outputs.values() for known in (node.id, node.class_type, node.title) if known]
        raise SweepError(f"judge: image: no output node {name!r} runs; {suggest_names(name, names)}")
    return found


def sort_files(files: Mapping[str, Sequence[str]], built: Workflow, wanted: str = "") -> list[str]:
    """Return the names of all files of a cell; the first is the one that is shown on the sheet and the page.

    Pictures come before files that are no pictures. Among the pictures, and among the other files, those of the node
    `wanted` come first, then those of SaveImage nodes, then all others.

    Args:
        files: the names of the files that the output nodes have saved, by node id.
        built: the nodes of the cell.
        wanted: the id, class or title of the node whose picture is rated, if the grid file names one; else "".

    Raises:
        SweepError: no output node of the cell has the id, class or title `wanted`, or several have it.
    """
    rated = find_rated(built, wanted).id if wanted else ""

    def rank(node_id: str) -> int:
        if node_id == rated:
            return 0
        return 1 if built[node_id].class_type == "SaveImage" else 2

    names = [name for node_id in sorted(files, key=rank) for name in files[node_id]]
    return sorted(names, key=lambda name: not is_picture_name(name))


def choose_rated(files: Mapping[str, Sequence[str]], built: Workflow, wanted: str = "") -> str:
    """Return the name of the picture that is rated.

    It is the first picture of the node `wanted`. If the grid file names no node, it is the first picture of the cell in
    the order of `sort_files`.

    Args:
        files: the names of the files that the output nodes have saved, by node id.
        built: the nodes of the cell.
        wanted: the id, class or title of the node whose picture is rated, if the grid file names one; else "".

    Raises:
        SweepError: the node `wanted` (without one, the cell) has saved no picture; or no output node of the cell has
            the id, class or title `wanted`, or several have it.
    """
    rated = find_rated(built, wanted) if wanted else None
    names = sort_files(files if rated is None else {rated.id: files.get(rated.id, [])}, built, wanted)
    if not names or not is_picture_name(names[0]):
        others = f", only {', '.join(names[:5])}" if names else ""
        raise SweepError(
            f"judge: {rated or 'the cell'} saved no picture to rate{others}; name a node that saves one under "
            "'judge: image', add such a node, or remove 'judge:'"
        )
    return names[0]


def check_uninvolved(built: Workflow) -> None:
    """Check that the held-out model, `second_opinion`, takes no part in making the pictures of a cell.

    Raises:
        SweepError: this model takes part: a node that saves or previews pictures depends on a model loader that is set
            to `second_opinion`.
    """
    for node in built.values():
        saves = "IMAGE" not in get_node_class(node).RETURN_TYPES and "images" in node.inputs
        if not saves:
            continue
        for source in _list_sources(built, node.id):
            loader = built[source]
            if loader.class_type in _INVOLVED and loader.inputs.get("source") == "second_opinion":
                raise SweepError(
                    f"judge: {loader} is the judge itself (second_opinion) and helps to make the picture; "
                    "let another model climb, or remove 'judge:'"
                )


def _list_sources(built: Workflow, node_id: str) -> set[str]:
    """Return the ids of all nodes that a node depends on, directly or through other nodes."""
    found: set[str] = set()
    pending = [node_id]
    while pending:
        links = [value[0] for value in built[pending.pop()].inputs.values() if isinstance(value, list)]
        pending += [link for link in links if link not in found]
        found |= set(links)
    return found
