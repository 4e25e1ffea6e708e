"""The report on images as targets: what its blends have of the workflow style_blend, and what not."""

import json

import pytest

pytest.importorskip("skimage")

from benchmarks.image_targets import BLEND, BLEND_CONTRAST, BLEND_STEPS
from repository import REPOSITORY


def test_blends_have_contrast_steps_and_optimizer_of_the_workflow_but_not_its_models_and_levels() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "style_blend.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_ImageStack"]["start.contrast"] == BLEND_CONTRAST
    assert inputs["DAS_Optimize"]["recipe.steps"] == BLEND_STEPS
    assert inputs["DAS_Optimize"]["recipe.optimizer"] == BLEND.kind
    assert {name: inputs["DAS_Optimize"][f"recipe.optimizer.{name}"] for name in vars(BLEND)} == vars(BLEND)
    sources = [node["inputs"]["source"] for node in workflow.values() if node["class_type"] == "DAS_LoadCLIP"]
    assert sources == ["starter", "second_opinion"]
    assert inputs["DAS_ImageStack"]["details"] == "default"
