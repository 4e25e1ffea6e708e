"""Every example workflow, through run_workflow with the real pack, from a fresh clone: none given, none fetched."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import run_workflow
from cases import each_case
from fitted_starter import fit_starter_clip

PACK = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((PACK / "example_workflows" / "api").glob("*.json"))
BEFORE_DIFFUSION = {"text_to_image_then_diffusion": "By Direct Ascent"}
"""By example, the node that ends what runs without ComfyUI, where the whole does not."""
LARGE = {"DAS_Augmentation": {"details.jitter": 8}, "DAS_ImageStack": {"details.margin": 16}}
"""Settings that are too large for a small picture, with the most that the test allows, by the class of the node."""
AS_SHIPPED = "class_to_image"
"""The example that runs with the views and the stack that Optimize chooses by itself."""
COMFYUI = ("CheckpointLoaderSimple", "CLIPVisionLoader", "UpscaleModelLoader")
"""Loaders of models that only ComfyUI runs; tests/comfyui runs these examples whole."""


def read(name: str) -> dict[str, Any]:
    prompt: dict[str, Any] = json.loads((EXAMPLES[0].parent / f"{name}.json").read_text(encoding="utf-8"))
    return prompt


def list_inputs(prompt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The inputs of the nodes of a class."""
    return [node["inputs"] for node in prompt.values() if node["class_type"] == kind]


def give_views_and_stacks(prompt: dict[str, Any]) -> None:
    """Connect an Augmentation and an Image Stack to every Optimize that has none, for few views of a small picture."""
    # A zoom needs larger windows.
    windows = {"zoom_min": 0.8} if list_inputs(prompt, "DAS_ZoomStack") else {}
    for number, optimize in enumerate(list_inputs(prompt, "DAS_Optimize")):
        if "augmentation" not in optimize:
            prompt[f"augmentation {number}"] = {"class_type": "DAS_Augmentation", "inputs": windows}
            optimize["augmentation"] = [f"augmentation {number}", 0]
        if "stack" not in optimize:
            prompt[f"stack {number}"] = {"class_type": "DAS_ImageStack", "inputs": {"batch_size": 1}}
            optimize["stack"] = [f"stack {number}", 0]


@pytest.fixture(scope="module", autouse=True)
def fitted() -> None:
    """Fit the starter CLIPs at the place where workflows look for them, unless another process of the run has."""
    fit_starter_clip()


@each_case("path", EXAMPLES)
def test_it_runs_from_a_fresh_clone_without_comfyui(
    path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()  # What the example before has printed, if its case failed.
    monkeypatch.chdir(tmp_path)
    prompt = read(path.stem)
    if path.stem != AS_SHIPPED:
        give_views_and_stacks(prompt)
    few = {
        "DAS_Optimize": {"recipe": "custom", "recipe.steps": 1 if path.stem == AS_SHIPPED else 2},
        "DAS_Augmentation": {"views": 2},
        "DAS_ImageStack": {"width": 64, "height": 64},
        "DAS_StackToImage": {"scale": 1},
        "DAS_Camera": {"width": 96, "height": 54},
    }
    settings = {
        (name, key): value for name, node in prompt.items() for key, value in few.get(node["class_type"], {}).items()
    }
    for name, node in prompt.items():
        for key, most in LARGE.get(node["class_type"], {}).items():
            settings |= {(name, "details"): "custom", (name, key): min(most, node["inputs"].get(key, most))}
        # Two pictures show as well as four that a batch runs, six frames as well as forty that a film has.
        for kind, key, most in (("DAS_ImageStack", "batch_size", 2), ("DAS_StackToImage", "frames", 6)):
            if node["class_type"] == kind and node["inputs"][key] > most:
                settings[name, key] = most
    Path("workflow.json").write_text(json.dumps(prompt), encoding="utf-8")
    arguments = ["workflow.json", "--output", "out", "--models", str(tmp_path_factory.getbasetemp() / "models")]
    arguments += [part for (name, key), value in settings.items() for part in ("--set", f"{name}.{key}={value}")]
    if any(node["class_type"] in COMFYUI for node in prompt.values()):
        assert run_workflow.main(arguments) == 2
        error = capsys.readouterr().err
        assert any(f"({name}): ckpt_name" in error or f"({name}): no such" in error for name in COMFYUI)
        if path.stem not in BEFORE_DIFFUSION:
            return
        arguments += ["--only", BEFORE_DIFFUSION[path.stem]]
    else:
        assert "open_clip" not in str(list_inputs(prompt, "DAS_LoadCLIP"))
    assert run_workflow.main(arguments) == 0, capsys.readouterr().err
    files = [Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".png")]
    if path.stem in BEFORE_DIFFUSION:
        assert len(files) == 1
        return
    for saver in list_inputs(prompt, "SaveImage"):
        saved = [file for file in files if file.name.startswith(saver["filename_prefix"])]
        assert len(saved) == max(
            (min(stack["batch_size"], 2) for stack in list_inputs(prompt, "DAS_ImageStack")), default=1
        )
        for file in saved:
            low, high = Image.open(file).convert("L").getextrema()
            assert low < high
