"""Replacements for files that an example needs and a machine may lack: CLIPs, photographs, upscale models."""

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import skimage.data
from PIL import Image

from harness.client import Prompt

STARTERS = ("starter", "second_opinion")
"""Two of the starter CLIPs. They are used alternately in place of CLIPs that would be downloaded."""

COMFYUI_PICTURE = "example.png"
"""The only picture in the input folder of a new ComfyUI: a simple drawing of a girl, which models hardly recognise."""


JOINED = "DAS_CLIPFromComfyUI"
"""The class of the node that makes one CLIP from models that ComfyUI has loaded. A new ComfyUI has no such models."""


def use_starters(prompt: Prompt) -> Prompt:
    """Return the workflow with the starter CLIPs in place of CLIPs that would have to be downloaded.

    Loaders of ComfyUI whose outputs are no longer used are removed.
    """
    changed = copy.deepcopy(dict(prompt))
    for node in [node for node in changed.values() if node["class_type"] == JOINED]:
        loaders = _sources(node)
        node |= {"class_type": "DAS_LoadCLIP", "inputs": {"source": "starter", "precision": "auto"}}
        used = {source for other in changed.values() for source in _sources(other)}
        for loader in set(loaders) - used:
            del changed[loader]
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


def use_photographs(prompt: Prompt, first: str = "cat.png") -> tuple[Prompt, dict[str, Image.Image]]:
    """Return the workflow with sample photographs in place of ComfyUI's example image, and the photographs by name.

    Pictures that come with the pack stay. If several nodes load the example image, the two photographs alternate,
    `cat.png` and `coffee.png`, beginning with `first`. `coffee.png` is cut to a square around the cup.
    """
    changed = copy.deepcopy(dict(prompt))
    photographs = {"cat.png": skimage.data.chelsea, "coffee.png": lambda: skimage.data.coffee()[:, 100:500]}
    subjects = itertools.cycle(sorted(photographs, key=lambda name: name != first))
    used = set()
    for node in changed.values():
        if node["class_type"] == "LoadImage" and node["inputs"]["image"] == COMFYUI_PICTURE:
            node["inputs"]["image"] = next(subjects)
            used.add(node["inputs"]["image"])
    return changed, {name: Image.fromarray(photographs[name]()) for name in sorted(used)}


def remove_nodes(prompt: Prompt, class_type: str) -> Prompt:
    """Return the workflow without the nodes of one class and without all nodes that depend on them."""
    left = {name: node for name, node in prompt.items() if node["class_type"] != class_type}
    while True:
        kept = {name: node for name, node in left.items() if all(source in left for source in _sources(node))}
        if len(kept) == len(left):
            return kept
        left = kept


def use_own_denoisers(prompt: Prompt) -> Prompt:
    """Return the workflow without upscale models.

    If the denoiser of an ascent is made from an upscale model, the link to this denoiser is removed, so that the ascent
    uses the denoiser of its recipe.
    """
    left = remove_nodes(prompt, "UpscaleModelLoader")
    ascents = {name: node for name, node in prompt.items() if node["class_type"] == "DAS_Optimize" and name not in left}
    for name, node in ascents.items():
        inputs = {key: value for key, value in node["inputs"].items() if key != "denoiser"}
        prompt = {**prompt, name: {**node, "inputs": inputs}}
    return remove_nodes(prompt, "UpscaleModelLoader")


def _sources(node: Mapping[str, Any]) -> list[str]:
    """Return the ids of the nodes that the inputs of a node are linked to."""
    return [value[0] for value in node["inputs"].values() if isinstance(value, list)]
