"""The bench of parts of a picture: it measures what the workflow does."""

import json

import pytest

pytest.importorskip("skimage")

from benchmarks.regions import MOMENTUM, SCORE
from repository import REPOSITORY


def test_inpainting_is_measured_with_the_settings_of_its_workflow() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "inpaint.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_ClassObjective"]["score"] == SCORE
    assert inputs["DAS_Optimize"]["optimizer"] == "ascent"
    assert inputs["DAS_Optimize"]["optimizer.momentum"] == MOMENTUM
    assert inputs["DAS_ImageStack"]["start"] == "gray"
