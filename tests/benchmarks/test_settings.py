"""Benchmarks measure the settings that they name: those of workflows, and rows of the ablation."""

import json
from inspect import signature
from typing import Any

import pytest

pytest.importorskip("skimage")

from benchmarks.ablation import ROWS
from benchmarks.image_targets import BLEND, BLEND_CONTRAST, BLEND_STEPS
from benchmarks.recipes import SKETCH
from benchmarks.regions import DENOISING, FEATHER, HEIGHT, LEFT, OPTIMIZER, PHOTO, SCORE, SIDE, TOP, WIDTH
from das_core.ascent.focus import Focus
from das_core.stack.image_stack import ImageStack
from das_core.views.windows import Windows
from repository import REPOSITORY

# The transforms of views that some rows of the ablation leave out, by the titles of these rows
LEFT_OUT = {
    "no colour shift, no grey views": {"ColorShift", "Grayscale"},
    "no grey views": {"Grayscale"},
    "none of these, no denoiser, no views from afar": {"ColorShift", "Grayscale", "Distance"},
}


def read_workflow(name: str) -> Any:
    return json.loads((REPOSITORY / "example_workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))


def read_inputs(name: str) -> dict[str, Any]:
    """Return the inputs of the nodes of an example by their classes."""
    return {node["class_type"]: node["inputs"] for node in read_workflow(name).values()}


def test_a_row_of_the_ablation_leaves_out_only_the_transforms_that_its_title_names() -> None:
    sketch = [type(transform).__name__ for transform in SKETCH.augmentation.transforms]
    for row in ROWS:
        changed = [type(transform).__name__ for transform in row.augmentation.transforms]
        left_out = LEFT_OUT.get(row.title, set())
        assert changed == [kind for kind in sketch if kind not in left_out]


def test_blends_and_halves_have_the_settings_of_their_workflows() -> None:
    inputs = read_inputs("style_blend")
    assert inputs["DAS_ImageStack"]["start.contrast"] == BLEND_CONTRAST
    assert inputs["DAS_Optimize"]["recipe.steps"] == BLEND_STEPS
    assert inputs["DAS_Optimize"]["recipe.optimizer"] == BLEND.kind
    assert {name: inputs["DAS_Optimize"][f"recipe.optimizer.{name}"] for name in vars(BLEND)} == vars(BLEND)
    inputs = read_inputs("two_regions")
    assert inputs["DAS_Optimize"]["recipe"] == "picture"
    assert (inputs["DAS_ImageStack"]["width"], inputs["DAS_ImageStack"]["height"]) == (2 * SIDE, SIDE)


def test_inpainting_is_measured_with_the_settings_of_its_workflow() -> None:
    workflow, inputs = read_workflow("inpaint"), read_inputs("inpaint")
    stack, optimize = inputs["DAS_ImageStack"], inputs["DAS_Optimize"]
    assert inputs["DAS_ClassObjective"]["score"] == SCORE
    assert inputs["DAS_Augmentation"]["zoom_min"] == Windows().zoom_min
    assert (stack["start"], stack["details.parametrization"]) == ("image", "multiples_of_4")
    assert stack["start.contrast"] == signature(ImageStack.from_image).parameters["contrast"].default
    assert (optimize["recipe.steps"], optimize["recipe.optimizer"]) == (60, "ascent")
    assert {name: optimize[f"recipe.optimizer.{name}"] for name in vars(OPTIMIZER)} == vars(OPTIMIZER)
    assert {name: optimize[f"recipe.focus.{name}"] for name in vars(Focus())} == vars(Focus())
    assert (optimize["recipe.denoise"], stack["details.feather"]) == ("on", FEATHER)
    for name in ("strength", "end", "share", "keep"):
        assert optimize[f"recipe.denoise.{name}"] == getattr(DENOISING, name)
    # The workflow draws its window in a mask of 224 pixels, which is stretched over the photograph.
    window, place = workflow["3"]["inputs"], workflow["4"]["inputs"]
    assert (PHOTO.width * window["width"], PHOTO.height * window["height"]) == (224 * WIDTH, 224 * HEIGHT)
    assert (PHOTO.width * place["x"], PHOTO.height * place["y"]) == (224 * LEFT, 224 * TOP)
