"""Every example workflow, through run_workflow with the real pack, from a fresh clone: none given, none fetched."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import run_workflow
from cases import each_case
from repository import REPOSITORY
from runner import workflow_execution
from runner.kept_outputs import KeptOutputs
from runner.workflow_execution import execute_workflow

KEPT = KeptOutputs()
"""Loaded models, so that the examples load each of them once."""
EXAMPLES = sorted((REPOSITORY / "example_workflows" / "api").glob("*.json"))
BEFORE_DIFFUSION = {"prompt_to_image_then_diffusion": "By Direct Ascent"}
"""By example, the node that ends what runs without ComfyUI, where the whole does not."""
COMFYUI = ("CheckpointLoaderSimple", "CLIPVisionLoader")
"""Loaders of models that only ComfyUI runs; tests/comfyui runs these examples whole."""
AS_SHIPPED = "class_to_image"
"""The example that runs with the views and the stack that Optimize chooses by itself."""
MOST: dict[str, dict[str, Any]] = {
    "DAS_Optimize": {"recipe.steps": 1},
    "DAS_Augmentation": {"views": 2, "details.jitter": 8},
    "DAS_ImageStack": {"width": 64, "height": 64, "batch_size": 2, "details.margin": 16, "details.feather": 8},
    "DAS_FeatureAtlas": {"layer": "blocks.1", "units": "0-1"},
    "DAS_TeachJudge": {"minutes": 0.01},
    "DAS_StackToImage": {"scale": 1, "frames": 6},
    "DAS_Camera": {"width": 96, "height": 54},
}
"""The most that the test allows, by the class of the node and the input."""


def list_inputs(prompt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The inputs of the nodes of a class."""
    return [node["inputs"] for node in prompt.values() if node["class_type"] == kind]


def give_views_and_stacks(prompt: dict[str, Any]) -> None:
    """Connect an Augmentation and an Image Stack to every Optimize that has none, for few views of a small picture."""
    # A zoom needs larger windows.
    views = {"zoom_min": 0.8} if list_inputs(prompt, "DAS_ZoomStack") else {}
    for number, optimize in enumerate(list_inputs(prompt, "DAS_Optimize")):
        for socket, kind, inputs in (
            ("augmentation", "DAS_Augmentation", views),
            ("stack", "DAS_ImageStack", {"batch_size": 1}),
        ):
            if socket not in optimize:
                prompt[f"{socket} {number}"] = {"class_type": kind, "inputs": inputs}
                optimize[socket] = [f"{socket} {number}", 0]


@each_case("path", *EXAMPLES)
def test_it_runs_from_a_fresh_clone_without_comfyui(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()  # What the example before has printed, if its case failed.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workflow_execution, "execute_workflow", partial(execute_workflow, kept=KEPT))
    prompt: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if path.stem != AS_SHIPPED:
        give_views_and_stacks(prompt)
    settings: dict[str, Any] = {}
    for name, node in prompt.items():
        for key, most in MOST.get(node["class_type"], {}).items():
            choice, inner, _ = key.partition(".")
            settings |= {f"{name}.{choice}": "custom"} if inner else {}
            settings[f"{name}.{key}"] = min(most, node["inputs"].get(key, most))
        if node["class_type"] == "DAS_Optimize" and any(
            stack.get("details.tile") for stack in list_inputs(prompt, "DAS_ImageStack")
        ):
            settings[f"{name}.recipe.focus"] = "everywhere"  # a tile has no centre
    Path("workflow.json").write_text(json.dumps(prompt), encoding="utf-8")
    arguments = ["workflow.json", "--output", "out", "--models", str(tmp_path.parent / "models")]
    arguments += [part for setting, value in settings.items() for part in ("--set", f"{setting}={value}")]
    if any(node["class_type"] in COMFYUI for node in prompt.values()):
        assert run_workflow.main(arguments) == 2
        error = capsys.readouterr().err
        assert any(f"({name}): ckpt_name" in error or f"({name}): no such" in error for name in COMFYUI)
        if path.stem not in BEFORE_DIFFUSION:
            return
        arguments += ["--only", BEFORE_DIFFUSION[path.stem]]
    assert run_workflow.main(arguments) == 0, capsys.readouterr().err
    files = [Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".png")]
    if path.stem in BEFORE_DIFFUSION:
        assert len(files) == 1
        return
    assert "open_clip" not in str(list_inputs(prompt, "DAS_LoadCLIP"))
    pictures = max([min(stack["batch_size"], 2) for stack in list_inputs(prompt, "DAS_ImageStack")], default=1)
    pictures = 2 if list_inputs(prompt, "DAS_FeatureAtlas") else pictures
    for saver in list_inputs(prompt, "SaveImage"):
        saved = [file for file in files if file.name.startswith(saver["filename_prefix"])]
        assert len(saved) == pictures
        for file in saved:
            assert len(set(Image.open(file).convert("L").tobytes())) > 1


def test_no_two_templates_share_the_id_of_a_node() -> None:
    # The page shows what a node says on the node of its id, also in the workflow of another tab.
    ids = [node for path in EXAMPLES for node in json.loads(path.read_text(encoding="utf-8"))]
    assert len(ids) == len(set(ids))
