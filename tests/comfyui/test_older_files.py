"""Workflow files of version 0.1.0: they open, run, and give the picture that they gave then.

The folder version_0_1_0 holds an example as that version had it, and its picture after a few small steps.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from harness.client import Client
from harness.page import export_api, load_workflow
from short_examples import DETAILS, PICTURE
from template_page import set_widgets

FOLDER = Path(__file__).with_name("version_0_1_0")
SECOND = Path(__file__).with_name("version_0_2_0")

SMALL: dict[str, dict[str, Any]] = {
    "DAS_Optimize": {"recipe.steps": 2},
    "DAS_Augmentation": {"views": 4, "details.jitter": 16},
    "DAS_ImageStack": {"width": 96, "height": 96, "details.margin": 16},
}
"""The settings of the picture, where they are not those of the file."""

LATER = {"color_shift", "grayscale", "distance", "focus", "size", "denoise"}
"""Inputs that came after that version, by their names before 1.0."""

CHOICES = ("recipe", "details")
"""What brings inputs that stood on the nodes before 1.0."""

ROUNDING = 4
"""How far pixels of 0..255 may differ: another processor rounds otherwise."""


def shrink(prompt: dict[str, Any]) -> dict[str, Any]:
    for node in prompt.values():
        node["inputs"] |= SMALL.get(node["class_type"], {})
    return prompt


def name_as_before(prompt: dict[str, Any]) -> dict[str, Any]:
    """Return a prompt with the names of before 1.0, as programs of that time post it: only the server changes it."""
    older = {}
    for node_id, node in prompt.items():
        inputs = {name: value for name, value in node["inputs"].items() if name not in CHOICES}
        renamed = {re.sub(f"^({'|'.join(CHOICES)})[.]", "", name): value for name, value in inputs.items()}
        older[node_id] = node | {"inputs": renamed}
    return older


def check_picture(comfyui: Client, prompt: dict[str, Any]) -> None:
    # Without what is kept of a run before: a prompt that the server changes becomes the same as that of a file.
    comfyui.free()
    history = comfyui.run(prompt, timeout=300)
    (saver,) = (name for name, node in prompt.items() if node["class_type"] == "SaveImage")
    (image,) = comfyui.get_images(history, saver)
    before = np.asarray(Image.open(FOLDER / "class_to_image.png").convert("RGB"), dtype=int)
    assert np.abs(np.asarray(image.convert("RGB"), dtype=int) - before).max() <= ROUNDING


def test_a_file_of_the_page_opens_and_gives_its_picture(comfyui: Client, page: Page) -> None:
    load_workflow(page, json.loads((FOLDER / "class_to_image.json").read_text(encoding="utf-8")), "older")
    prompt = export_api(page)
    inputs = {node["class_type"]: node["inputs"] for node in prompt.values()}
    views, optimize = inputs["DAS_Augmentation"], inputs["DAS_Optimize"]
    assert (views["details"], optimize["recipe"]) == ("custom", "custom")
    assert views["details.color_shift"] == views["details.grayscale"] == views["details.distance"] == 0
    assert optimize["recipe.focus"] == "everywhere"
    assert optimize["recipe.denoise"] == "off"
    assert not any(name.startswith(("recipe.focus.", "recipe.denoise.")) for name in optimize)
    check_picture(comfyui, shrink(prompt))


def test_a_file_of_version_0_2_0_is_not_denoised_and_keeps_its_values(page: Page) -> None:
    load_workflow(page, json.loads((SECOND / "class_to_image.json").read_text(encoding="utf-8")), "older")
    inputs = {node["class_type"]: node["inputs"] for node in export_api(page).values()}
    optimize, stack, views = (inputs[f"DAS_{name}"] for name in ("Optimize", "ImageStack", "Augmentation"))
    assert (optimize["recipe.denoise"], views["details.distance"]) == ("off", 0)
    assert not any(name.startswith("recipe.denoise.") for name in optimize)
    focus = optimize["recipe.focus"], optimize["recipe.focus.end"], optimize["recipe.focus.emphasis"]
    assert (optimize["recipe.optimizer.step_size"], *focus) == (0.08, "center", 3, 0)
    assert optimize["recipe.optimizer.tilt"] == 0
    assert (stack["width"], stack["height"], stack["details.size"]) == (224, 224, "given")


def test_a_prompt_without_the_later_inputs_gives_its_picture(comfyui: Client, page: Page) -> None:
    load_workflow(page, json.loads((FOLDER / "class_to_image.json").read_text(encoding="utf-8")), "older")
    prompt = name_as_before(shrink(export_api(page)))
    for node in prompt.values():
        for name in [name for name in node["inputs"] if name.split(".")[0] in LATER]:
            del node["inputs"][name]
    check_picture(comfyui, prompt)


def test_a_prompt_of_version_0_2_0_has_neither_emphasis_nor_tilt(comfyui: Client, page: Page) -> None:
    load_workflow(page, json.loads((SECOND / "class_to_image.json").read_text(encoding="utf-8")), "older")
    prompt = shrink(export_api(page))
    (saver,) = (name for name, node in prompt.items() if node["class_type"] == "SaveImage")
    (optimize,) = (node["inputs"] for node in prompt.values() if node["class_type"] == "DAS_Optimize")
    optimize["recipe.steps"] = 3
    (migrated,) = comfyui.get_images(comfyui.run(prompt, timeout=300), saver)
    prompt = name_as_before(prompt)
    (optimize,) = (node["inputs"] for node in prompt.values() if node["class_type"] == "DAS_Optimize")
    assert optimize["steps"] == 3
    for node in prompt.values():
        lacking = [name for name in node["inputs"] if name.split(".")[0] in ("denoise", "distance")]
        for name in [*lacking, *({"focus.emphasis", "optimizer.tilt"} & node["inputs"].keys())]:
            del node["inputs"][name]
    comfyui.free()
    (older,) = comfyui.get_images(comfyui.run(prompt, timeout=300), saver)
    assert np.array_equal(np.asarray(older), np.asarray(migrated))


def test_a_new_node_has_the_defaults_of_today(page: Page) -> None:
    page.evaluate(
        "() => { for (const type of ['DAS_Augmentation', 'DAS_Optimize']) app.graph.add(LiteGraph.createNode(type)) }"
    )
    inputs = {node["class_type"]: node["inputs"] for node in export_api(page).values()}
    assert (inputs["DAS_Augmentation"]["details"], inputs["DAS_Optimize"]["recipe"]) == ("default", "picture")
    set_widgets(page, {"details": "custom", "recipe": "custom"})
    inputs = {node["class_type"]: node["inputs"] for node in export_api(page).values()}
    views, optimize = inputs["DAS_Augmentation"], inputs["DAS_Optimize"]
    assert views["details.color_shift"] == 0.2
    assert (optimize["recipe.focus"], optimize["recipe.focus.emphasis"]) == ("center", 1)
    assert (optimize["recipe.denoise"], optimize["recipe.denoise.kind"]) == ("on", "total_variation")
    assert {name: value for name, value in optimize.items() if name.startswith("recipe")} == PICTURE
    assert {name: value for name, value in views.items() if name.startswith("details")} == DETAILS
    copy = page.evaluate(
        """() => {
            const copied = app.graph.nodes.find((node) => node.type === 'DAS_Augmentation').clone()
            return copied.widgets.find((widget) => widget.name === 'details.color_shift').value
        }"""
    )
    assert copy == 0.2
