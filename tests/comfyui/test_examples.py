"""Every example in the real ComfyUI, a few steps of it, with what stands in for what it would download."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from das_core.report.shots import parse_shots
from harness.client import Client
from short_examples import shortened

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "example_workflows" / "api").glob("*.json"))

SHIPPED_STACK = {"width": 144, "height": 144}
"""The stack that comes with the pack, for the example that loads it."""

DEFAULT_STACK = {"width": 448, "height": 448}
"""What Optimize begins with where it is given no stack."""

SHORT_ATLAS = {"width": 64, "height": 64, "batch_size": 2}
"""The pictures of the units that `shortened` leaves."""


def find_size(name: str) -> tuple[int, int]:
    """Return width and height of a picture that comes with the pack."""
    with Image.open(EXAMPLES[0].parents[1] / "input" / name) as picture:
        return picture.size


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs_and_saves_its_image(comfyui: Client, path: Path) -> None:
    prompt = shortened(json.loads(path.read_text(encoding="utf-8")))
    history = comfyui.run(prompt, timeout=300)
    savers = {node["class_type"]: name for name, node in prompt.items() if node["class_type"].startswith("Save")}
    film = "SaveImage" not in savers
    images = comfyui.get_images(history, savers["SaveVideo" if film else "SaveImage"])
    classes = {node["class_type"]: node["inputs"] for node in prompt.values()}
    # Without a node for it: the stack that comes with the pack, or what diffusion makes or the best of that, or the
    # stack that Optimize begins with.
    made = SHIPPED_STACK if "DAS_LoadStack" in classes else classes.get("EmptyLatentImage", DEFAULT_STACK)
    made = SHORT_ATLAS if "DAS_FeatureAtlas" in classes else made
    stack = classes.get("DAS_ImageStack", {"batch_size": 1} | made)
    camera = classes.get("DAS_Camera") if film else None
    # What Objective Score picks is one image.
    count = 1 if "DAS_ObjectiveScore" in classes else stack["batch_size"]
    if film:
        count = max(parse_shots(camera["shots"])) + 1 if camera else classes["DAS_StackToImage"]["frames"]
    assert len(images) == count
    scaled = next((node["inputs"] for node in prompt.values() if node["class_type"] == "ImageScale"), camera or stack)
    size = scaled["width"], scaled["height"]
    if stack.get("details.size", "given") != "given":
        start = prompt[stack["image"][0]]["inputs"].get("image")
        made = classes.get("EmptyLatentImage", {})
        size = find_size(start) if start else (made["width"], made["height"])
    sheet = any(node["class_type"] == "ImageStitch" for node in prompt.values())
    for image in images:
        assert sheet or image.size == size
        assert np.ptp(np.asarray(image.convert("L"))) > 0
