"""Workflow files of former versions in the runner: they have the names of today before a pack is loaded."""

import json
from pathlib import Path

from runner.older_workflows import move_inputs
from runner.workflow_graph import read_workflow


def test_inputs_of_the_pack_move_and_others_stay() -> None:
    assert move_inputs("DAS_Augmentation", {"views": 4, "jitter": 8}) == {
        "views": 4,
        "details": "custom",
        "details.jitter": 8,
        "details.over_time": "constant",
        "details.color_shift": 0,
        "details.grayscale": 0,
        "details.distance": 0,
    }
    assert move_inputs("KSampler", {"steps": 4}) == {"steps": 4}


def test_a_file_is_read_with_the_names_of_today(tmp_path: Path) -> None:
    path = tmp_path / "older.json"
    path.write_text(json.dumps({"1": {"class_type": "DAS_Optimize", "inputs": {"steps": 3}}}))
    assert read_workflow(path)["1"].inputs["recipe.steps"] == 3
