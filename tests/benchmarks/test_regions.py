"""The bench of parts of a picture: it measures what the workflow does."""

import json

import pytest

pytest.importorskip("skimage")

from benchmarks.regions import FOCUS, MOMENTUM, SCORE, SIDE, STEP_SIZE
from repository import REPOSITORY


def test_inpainting_is_measured_with_the_settings_of_its_workflow() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "inpaint.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_ClassObjective"]["score"] == SCORE
    assert inputs["DAS_Optimize"]["recipe.optimizer"] == "ascent"
    assert inputs["DAS_Optimize"]["recipe.optimizer.momentum"] == MOMENTUM
    assert inputs["DAS_ImageStack"]["start"] == "gray"
    assert inputs["DAS_Optimize"]["recipe.optimizer.step_size"] == STEP_SIZE
    focus = tuple(inputs["DAS_Optimize"][f"recipe.focus.{name}"] for name in ("start", "end", "share", "emphasis"))
    assert focus == (FOCUS.start, FOCUS.end, FOCUS.share, FOCUS.emphasis)
    assert inputs["DAS_Optimize"]["recipe.denoise"] == "off"


def test_the_halves_are_measured_with_the_recipe_of_their_workflow() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "two_regions.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_Optimize"]["recipe"] == "picture"
    assert (inputs["DAS_ImageStack"]["width"], inputs["DAS_ImageStack"]["height"]) == (2 * SIDE, SIDE)
