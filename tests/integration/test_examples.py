"""Every example workflow, through run_workflow with the real pack."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import run_workflow
from cases import each_case
from fitted_starter import fit_starter_clip
from generators.example_stand_ins import remove_nodes, use_photographs

PACK = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((PACK / "example_workflows" / "api").glob("*.json"))
BEFORE_DIFFUSION = {"text_to_image_then_diffusion": "By Direct Ascent"}
"""By example, the node that ends what runs without ComfyUI, where the whole does not."""
LARGE = {"DAS_Augmentation": {"details.jitter": 8}, "DAS_ImageStack": {"details.margin": 16}}
"""Settings that are too large for a small picture, with the most that the test allows, by the class of the node."""
AS_SHIPPED = "class_to_image"
"""The example that runs with the views and the stack that Optimize chooses by itself."""


def read(name: str) -> dict[str, Any]:
    prompt: dict[str, Any] = json.loads((EXAMPLES[0].parent / f"{name}.json").read_text(encoding="utf-8"))
    return prompt


def starters(prompt: dict[str, Any]) -> list[str]:
    """The command line that keeps an example from downloading anything, as its note says."""
    fetched = [name for name, node in prompt.items() if node["inputs"].get("source") == "open_clip"]
    choices = zip(fetched, ("starter", "second_opinion"), strict=False)
    return [argument for node, choice in choices for argument in ("--set", f"{node}.source={choice}")]


def needs_comfyui(prompt: dict[str, Any]) -> bool:
    """Whether an example loads a model that only ComfyUI runs; tests/comfyui runs those whole."""
    loaders = {"CheckpointLoaderSimple", "UpscaleModelLoader"}
    return any(node["class_type"] in loaders for node in prompt.values())


def ran(prompt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The inputs of the nodes of a class, those aside that only ComfyUI has."""
    left = remove_nodes(prompt, "CheckpointLoaderSimple")
    return [node["inputs"] for node in left.values() if node["class_type"] == kind]


def name_class(kind: str) -> str:
    """What the page calls a new node of a class: of ours the display name, of ComfyUI's the class in words."""
    ours = json.loads((PACK / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
    return ours[kind]["display_name"] if kind in ours else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind)


def give_views_and_stacks(prompt: dict[str, Any]) -> None:
    """Connect an Augmentation and an Image Stack to every Optimize that has none, for few views of a small picture."""
    # A zoom needs larger windows.
    windows = {"zoom_min": 0.8} if ran(prompt, "DAS_ZoomStack") else {}
    for number, optimize in enumerate(ran(prompt, "DAS_Optimize")):
        if "augmentation" not in optimize:
            prompt[f"augmentation {number}"] = {"class_type": "DAS_Augmentation", "inputs": windows}
            optimize["augmentation"] = [f"augmentation {number}", 0]
        if "stack" not in optimize:
            prompt[f"stack {number}"] = {"class_type": "DAS_ImageStack", "inputs": {"batch_size": 1}}
            optimize["stack"] = [f"stack {number}", 0]


@each_case("path", EXAMPLES)
def test_its_note_calls_nodes_as_the_page_does(path: Path) -> None:
    emphasised = set(re.findall(r"\*\*(.+?)\*\*", path.with_suffix(".md").read_text(encoding="utf-8")))
    nodes = read(path.stem).values()
    titles = {node["_meta"]["title"] for node in nodes}
    renamed = {name_class(node["class_type"]) for node in nodes} - titles
    assert not emphasised & renamed


@pytest.fixture(scope="module", autouse=True)
def fitted() -> None:
    """Fit the starter CLIPs at the place where workflows look for them, unless another process of the run has."""
    fit_starter_clip()


@each_case("path", EXAMPLES)
def test_it_runs_without_comfyui(
    path: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()  # What the example before has printed, if its case failed.
    prompt, photographs = use_photographs(read(path.stem))
    if path.stem != AS_SHIPPED:
        give_views_and_stacks(prompt)
    path = tmp_path / path.name
    path.write_text(json.dumps(prompt), encoding="utf-8")
    for stack in ran(prompt, "DAS_ImageStack"):
        # Two pictures show as well as four that a batch runs.
        stack["batch_size"] = min(stack["batch_size"], 2)
    images = tmp_path / "input"
    shutil.copytree(EXAMPLES[0].parents[1] / "input", images)
    for name, photograph in photographs.items():
        photograph.save(images / name)
    arguments = [str(path), *starters(prompt), "--input", str(images), "--output", str(tmp_path / "out")]
    steps = 1 if path.stem == AS_SHIPPED else 2
    few = {
        "DAS_Optimize": ("recipe=custom", f"recipe.steps={steps}"),
        "DAS_Augmentation": ("views=2",),
        "DAS_ImageStack": ("width=64", "height=64"),
        "DAS_StackToImage": ("scale=1",),
        "DAS_Camera": ("width=96", "height=54"),
    }
    arguments += ["--models", str(tmp_path_factory.getbasetemp() / "models")]
    for name, node in prompt.items():
        for setting in few.get(node["class_type"], ()):
            arguments += ["--set", f"{name}.{setting}"]
        for setting, most in LARGE.get(node["class_type"], {}).items():
            number = min(most, node["inputs"].get(setting, most))
            arguments += ["--set", f"{name}.details=custom", "--set", f"{name}.{setting}={number}"]
        if node["class_type"] == "DAS_ImageStack":
            arguments += ["--set", f"{name}.batch_size={node['inputs']['batch_size']}"]
        if node["class_type"] == "DAS_StackToImage" and node["inputs"]["frames"]:
            arguments += ["--set", f"{name}.frames=6"]
        if node["class_type"] == "LoadImage":
            arguments += ["--set", f"{name}.image={node['inputs']['image']}"]
    if needs_comfyui(prompt):
        assert run_workflow.main(arguments) == 2
        error = capsys.readouterr().err
        unknown = ("CLIPVisionLoader", "UpscaleModelLoader")
        assert "(CheckpointLoaderSimple): ckpt_name" in error or any(f"({name}): no such" in error for name in unknown)
        if path.stem not in BEFORE_DIFFUSION:
            return
        arguments += ["--only", BEFORE_DIFFUSION[path.stem]]
    assert run_workflow.main(arguments) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".png")]
    for saver in ran(prompt, "SaveImage"):
        saved = [file for file in files if file.name.startswith(saver["filename_prefix"])]
        assert len(saved) == max((stack["batch_size"] for stack in ran(prompt, "DAS_ImageStack")), default=1)
        for file in saved:
            low, high = Image.open(file).convert("L").getextrema()
            assert low < high
