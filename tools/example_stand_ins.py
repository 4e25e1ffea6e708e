"""What stands in for what an example asks for and a machine may lack: models from a hub, photographs, a checkpoint."""

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import skimage.data
from PIL import Image

Prompt = dict[str, Any]

STARTERS = ("starter", "second_opinion")
"""For the first CLIP that would be downloaded, the second, and so on in turn."""

STYLE = "cells.png"


def with_starters(prompt: Mapping[str, Any]) -> Prompt:
    """The same workflow, with the CLIPs that install with the pack where it would download some."""
    changed = copy.deepcopy(dict(prompt))
    fetched = [
        node["inputs"]
        for node in changed.values()
        if node["class_type"] == "DAS_LoadCLIP" and node["inputs"]["source"] == "open_clip"
    ]
    for inputs, starter in zip(fetched, itertools.cycle(STARTERS), strict=False):
        for name in [name for name in inputs if name.startswith("source.")]:
            del inputs[name]
        inputs["source"] = starter
    return changed


def with_photographs(prompt: Mapping[str, Any]) -> tuple[Prompt, dict[str, Image.Image]]:
    """The same workflow with sample photographs in its LoadImage nodes, in turn, and these by their file names."""
    changed = copy.deepcopy(dict(prompt))
    photographs = {
        "cat.png": skimage.data.chelsea,
        "coffee.png": skimage.data.coffee,
        STYLE: skimage.data.immunohistochemistry,
    }
    subjects = itertools.cycle(name for name in photographs if name != STYLE)
    used = set()
    for node in changed.values():
        if node["class_type"] == "LoadImage":
            # A style wants a picture that is all texture.
            node["inputs"]["image"] = STYLE if "Style" in node["_meta"]["title"] else next(subjects)
            used.add(node["inputs"]["image"])
    return changed, {name: Image.fromarray(photographs[name]()) for name in sorted(used)}


def without(prompt: Mapping[str, Any], class_type: str) -> Prompt:
    """The part of a workflow that does without nodes of one class."""
    left = {name: node for name, node in prompt.items() if node["class_type"] != class_type}
    while True:
        kept = {name: node for name, node in left.items() if all(source in left for source in _sources(node))}
        if len(kept) == len(left):
            return kept
        left = kept


def _sources(node: Mapping[str, Any]) -> list[str]:
    return [value[0] for value in node["inputs"].values() if isinstance(value, list)]
