"""The bench of parts of a picture: it measures what the workflow does."""

import json

import pytest

pytest.importorskip("skimage")

from benchmarks.regions import FOCUS, MOMENTUM, SCORE, STEP_SIZE
from repository import REPOSITORY


def test_inpainting_is_measured_with_the_settings_of_its_workflow() -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / "inpaint.json").read_text(encoding="utf-8"))
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    assert inputs["DAS_ClassObjective"]["score"] == SCORE
    assert inputs["DAS_Optimize"]["optimizer"] == "ascent"
    assert inputs["DAS_Optimize"]["optimizer.momentum"] == MOMENTUM
    assert inputs["DAS_ImageStack"]["start"] == "gray"
    assert inputs["DAS_Optimize"]["optimizer.step_size"] == STEP_SIZE


@pytest.mark.parametrize("name", ["inpaint", "two_regions"])
def test_both_halves_of_the_bench_grow_as_their_workflows_do(name: str) -> None:
    workflow = json.loads((REPOSITORY / "example_workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))
    (optimize,) = (node["inputs"] for node in workflow.values() if node["class_type"] == "DAS_Optimize")
    settings = tuple(optimize[f"focus.{setting}"] for setting in ("start", "end", "share"))
    assert settings == (FOCUS.start, FOCUS.end, FOCUS.share)
    assert optimize["optimizer.step_size"] == STEP_SIZE
    assert optimize["denoise"] == "off"
