"""The bench of parts of a picture: it measures what the workflow does."""

import json
from inspect import signature

import pytest

pytest.importorskip("skimage")

from benchmarks.regions import DENOISING, FEATHER, HEIGHT, LEFT, OPTIMIZER, PHOTO, SCORE, SIDE, TOP, WIDTH
from das_core.ascent.focus import Focus
from das_core.stack.image_stack import ImageStack
from das_core.views.windows import Windows
from repository import REPOSITORY


def test_inpainting_is_measured_with_the_settings_of_its_workflow() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "inpaint.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_ClassObjective"]["score"] == SCORE
    assert inputs["DAS_Optimize"]["recipe.optimizer"] == "ascent"
    optimizer = {name: inputs["DAS_Optimize"][f"recipe.optimizer.{name}"] for name in vars(OPTIMIZER)}
    assert optimizer == vars(OPTIMIZER)
    assert inputs["DAS_ImageStack"]["start"] == "image"
    assert inputs["DAS_ImageStack"]["start.contrast"] == signature(ImageStack.from_image).parameters["contrast"].default
    assert inputs["DAS_ImageStack"]["details.feather"] == FEATHER
    focus = {name: inputs["DAS_Optimize"][f"recipe.focus.{name}"] for name in vars(Focus())}
    assert focus == vars(Focus())
    assert inputs["DAS_Optimize"]["recipe.steps"] == 60
    assert inputs["DAS_ImageStack"]["details.levels"] == "multiples_of_4"
    assert inputs["DAS_Optimize"]["recipe.denoise"] == "on"
    assert inputs["DAS_Optimize"]["recipe.denoise"] == "on"
    for name in ("strength", "end", "share", "keep"):
        assert inputs["DAS_Optimize"][f"recipe.denoise.{name}"] == getattr(DENOISING, name)
    # The workflow draws its window in a mask of 224 pixels, which is stretched over the photograph.
    window = workflow["3"]["inputs"]
    assert PHOTO.width * window["width"] == 224 * WIDTH
    assert PHOTO.height * window["height"] == 224 * HEIGHT
    place = workflow["4"]["inputs"]
    assert (PHOTO.width * place["x"], PHOTO.height * place["y"]) == (224 * LEFT, 224 * TOP)
    assert inputs["DAS_Augmentation"]["zoom_min"] == Windows().zoom_min


def test_the_halves_are_measured_with_the_recipe_of_their_workflow() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "two_regions.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_Optimize"]["recipe"] == "picture"
    assert (inputs["DAS_ImageStack"]["width"], inputs["DAS_ImageStack"]["height"]) == (2 * SIDE, SIDE)
