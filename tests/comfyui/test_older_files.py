"""Workflow files of version 0.1.0: they open, run, and give the picture that they gave then.

The folder version_0_1_0 holds an example as that version had it, and its picture after a few small steps.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from harness.client import Client
from harness.page import export_api, load_workflow

FOLDER = Path(__file__).with_name("version_0_1_0")
SECOND = Path(__file__).with_name("version_0_2_0")

SMALL: dict[str, dict[str, Any]] = {
    "DAS_Optimize": {"steps": 2},
    "DAS_Augmentation": {"views": 4, "jitter": 16},
    "DAS_ImageStack": {"width": 96, "height": 96, "margin": 16},
}
"""The settings of the picture, where they are not those of the file."""

LATER = {"color_shift", "grayscale", "focus", "size", "denoise"}
"""Inputs that came after that version."""

ROUNDING = 4
"""How far pixels of 0..255 may differ: another processor rounds otherwise."""


def shrink(prompt: dict[str, Any]) -> dict[str, Any]:
    for node in prompt.values():
        node["inputs"] |= SMALL.get(node["class_type"], {})
    return prompt


def check_picture(comfyui: Client, prompt: dict[str, Any]) -> None:
    history = comfyui.run(shrink(prompt), timeout=300)
    (saver,) = (name for name, node in prompt.items() if node["class_type"] == "SaveImage")
    (image,) = comfyui.get_images(history, saver)
    before = np.asarray(Image.open(FOLDER / "class_to_image.png").convert("RGB"), dtype=int)
    assert np.abs(np.asarray(image.convert("RGB"), dtype=int) - before).max() <= ROUNDING


def test_a_file_of_the_page_opens_and_gives_its_picture(comfyui: Client, page: Page) -> None:
    load_workflow(page, json.loads((FOLDER / "class_to_image.json").read_text(encoding="utf-8")), "older")
    prompt = export_api(page)
    inputs = {node["class_type"]: node["inputs"] for node in prompt.values()}
    assert inputs["DAS_Augmentation"]["color_shift"] == inputs["DAS_Augmentation"]["grayscale"] == 0
    assert inputs["DAS_Optimize"]["focus"] == "everywhere"
    assert inputs["DAS_Optimize"]["denoise"] == "off"
    assert not any(name.startswith(("focus.", "denoise.")) for name in inputs["DAS_Optimize"])
    check_picture(comfyui, prompt)


def test_a_file_of_version_0_2_0_is_not_denoised_and_keeps_its_values(page: Page) -> None:
    load_workflow(page, json.loads((SECOND / "class_to_image.json").read_text(encoding="utf-8")), "older")
    inputs = {node["class_type"]: node["inputs"] for node in export_api(page).values()}
    optimize, stack = inputs["DAS_Optimize"], inputs["DAS_ImageStack"]
    assert optimize["denoise"] == "off"
    assert not any(name.startswith("denoise.") for name in optimize)
    assert (optimize["optimizer.step_size"], optimize["focus"], optimize["focus.end"]) == (0.08, "center", 3)
    assert optimize["focus.emphasis"] == 0
    assert (stack["width"], stack["height"], stack["size"]) == (224, 224, "given")


def test_a_prompt_without_the_later_inputs_gives_its_picture(comfyui: Client, page: Page) -> None:
    load_workflow(page, json.loads((FOLDER / "class_to_image.json").read_text(encoding="utf-8")), "older")
    prompt = export_api(page)
    for node in prompt.values():
        for name in [name for name in node["inputs"] if name.split(".")[0] in LATER]:
            del node["inputs"][name]
    check_picture(comfyui, prompt)


def test_a_prompt_of_version_0_2_0_has_no_emphasis(comfyui: Client, page: Page) -> None:
    load_workflow(page, json.loads((SECOND / "class_to_image.json").read_text(encoding="utf-8")), "older")
    prompt = shrink(export_api(page))
    (saver,) = (name for name, node in prompt.items() if node["class_type"] == "SaveImage")
    (optimize,) = (node["inputs"] for node in prompt.values() if node["class_type"] == "DAS_Optimize")
    optimize["steps"] = 3
    (migrated,) = comfyui.get_images(comfyui.run(prompt, timeout=300), saver)
    for name in [name for name in optimize if name.startswith("denoise") or name == "focus.emphasis"]:
        del optimize[name]
    (older,) = comfyui.get_images(comfyui.run(prompt, timeout=300), saver)
    assert np.array_equal(np.asarray(older), np.asarray(migrated))


def test_a_new_node_has_the_defaults_of_today(page: Page) -> None:
    page.evaluate(
        "() => { for (const type of ['DAS_Augmentation', 'DAS_Optimize']) app.graph.add(LiteGraph.createNode(type)) }"
    )
    inputs = {node["class_type"]: node["inputs"] for node in export_api(page).values()}
    assert inputs["DAS_Augmentation"]["color_shift"] == 0.2
    assert (inputs["DAS_Optimize"]["focus"], inputs["DAS_Optimize"]["focus.emphasis"]) == ("center", 1)
    assert (inputs["DAS_Optimize"]["denoise"], inputs["DAS_Optimize"]["denoise.kind"]) == ("on", "total_variation")
    copy = page.evaluate(
        """() => {
            const copied = app.graph.nodes.find((node) => node.type === 'DAS_Augmentation').clone()
            return copied.widgets.find((widget) => widget.name === 'color_shift').value
        }"""
    )
    assert copy == 0.2
