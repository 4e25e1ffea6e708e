"""Benchmarks measure the settings that they name: those of workflows, and rows of the ablation."""

import json
from typing import Any

import pytest
from PIL import Image, ImageOps

pytest.importorskip("skimage")

from benchmarks.ablation import ROWS
from benchmarks.image_targets import BLEND, BLEND_CONTRAST
from benchmarks.recipes import SKETCH
from benchmarks.regions import DENOISING, FEATHER, HEIGHT, LEFT, PHOTO, SCORE, SIDE, TOP, WIDTH
from das_core.ascent.recipe import STYLE
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


def test_blends_halves_and_inpainting_have_the_settings_of_their_workflows() -> None:
    assert read_inputs("style_blend")["DAS_ImageStack"]["start.contrast"] == BLEND_CONTRAST
    assert STYLE.optimizer == BLEND
    inputs = read_inputs("two_regions")
    assert inputs["DAS_Optimize"]["recipe"] == "picture"
    assert (inputs["DAS_ImageStack"]["width"], inputs["DAS_ImageStack"]["height"]) == (2 * SIDE, SIDE)
    inputs = read_inputs("inpaint")
    assert inputs["DAS_ClassObjective"]["score"] == SCORE
    stack = inputs["DAS_ImageStack"]
    assert (stack["start"], stack["details.parametrization"]) == ("image", "multiples_of_4")
    assert stack["details.feather"] == FEATHER
    assert DENOISING.keep == 0.03  # as `suit_stack` has it
    with Image.open(REPOSITORY / "example_workflows" / "input" / inputs["LoadImage"]["image"]) as picture:
        assert picture.size == (PHOTO.width, PHOTO.height)
        painted = ImageOps.invert(picture.getchannel("A")).getbbox()
    assert painted == (LEFT, TOP, LEFT + WIDTH, TOP + HEIGHT)
