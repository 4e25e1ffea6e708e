"""Reads workflow files as ComfyUI's page saves them: their note, and their API format, which the server runs.

The page itself makes the API format with its export. Here it is made without ComfyUI, for workflows without subgraphs,
bypassed or muted nodes, and nodes that exist on the page only, except notes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from repository import REPOSITORY

Workflow = Mapping[str, Any]

NOTE = "MarkdownNote"

# The options of the widget below a seed. The page saves its value behind that of the seed, and it is no input.
_AFTER_RUN = ("fixed", "increment", "decrement", "randomize")
_NO_INPUT = "IMAGEUPLOAD"  # type of the button that loads a picture; it has a saved value, and is no input


def read_note(workflow: Workflow) -> str:
    """Return the text of the note of a workflow."""
    return next(str(node["widgets_values"][0]) for node in workflow["nodes"] if node["type"] == NOTE)


def make_prompt(workflow: Workflow) -> dict[str, Any]:
    """Return a workflow of the page in API format, its nodes in the order of their ids."""
    if workflow.get("definitions", {}).get("subgraphs"):
        raise ValueError("a workflow with subgraphs has to be exported by the page: Workflow > Export (API)")
    names = _read_display_names()
    links = {link: [str(source), output] for link, source, output, *_ in workflow["links"]}
    prompt = {}
    for node in sorted(workflow["nodes"], key=lambda node: int(node["id"])):
        if node["type"] == NOTE:
            continue
        if node["mode"] != 0:
            raise ValueError(f"node {node['id']} ({node['type']}) is muted or bypassed; delete it, or let it run")
        title = node.get("title") or names.get(node["type"]) or _split_words(node["type"])
        widgets = dict(list_widgets(node))
        inputs = {
            entry["name"]: widgets[entry["name"]] if entry["link"] is None else links[entry["link"]]
            for entry in node["inputs"]
            if entry["link"] is not None or entry["name"] in widgets
        }
        prompt[str(node["id"])] = {"inputs": inputs, "class_type": node["type"], "_meta": {"title": title}}
    return prompt


def list_widgets(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the saved value of every widget of a node that is an input, in the order on the page."""
    values = list(node.get("widgets_values", []))
    widgets = [entry for entry in node["inputs"] if "widget" in entry]
    for entry in widgets:
        if not values:
            raise ValueError(f"node {node['id']} ({node['type']}) has saved no value for {entry['name']}")
        value = values.pop(0)
        if entry["type"] == "INT" and values and values[0] in _AFTER_RUN:
            del values[0]
        if entry["type"] != _NO_INPUT:
            yield entry["name"], value
    if values:
        raise ValueError(f"node {node['id']} ({node['type']}) has saved {values!r} for no widget")


def _read_display_names() -> dict[str, str]:
    """Return the display names of the nodes of this pack by their ids."""
    path = REPOSITORY / "locales" / "en" / "nodeDefs.json"
    return {name: entry["display_name"] for name, entry in json.loads(path.read_text(encoding="utf-8")).items()}


def _split_words(name: str) -> str:
    """Return the name of a class as separate words, as the page shows most classes of ComfyUI."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Node"))
