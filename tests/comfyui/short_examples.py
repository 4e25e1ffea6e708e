"""Example workflows with so little work that the real ComfyUI runs each in seconds."""

import json
from collections.abc import Mapping
from typing import Any

from repository import REPOSITORY

EXAMPLES = REPOSITORY / "example_workflows"

DETAILS: dict[str, Any] = {
    "details": "custom",
    "details.jitter": 56,
    "details.zoom_max": 1.0,
    "details.zoom_start": 0.9,
    "details.noise": 0.05,
    "details.noise_kind": "gaussian",
    "details.grayscale": 0.25,
    "details.distance": 1 / 3,
}
"""The values that the frontend fills in when `details` of an Augmentation is set to custom."""


def read_example(path: str) -> dict[str, Any]:
    prompt: dict[str, Any] = json.loads((EXAMPLES / f"{path}.json").read_text(encoding="utf-8"))
    return prompt


(_OPTIMIZE,) = (node for node in read_example("api/video_timelapse").values() if node["class_type"] == "DAS_Optimize")
_RECIPE = {name: value for name, value in _OPTIMIZE["inputs"].items() if name.partition(".")[0] == "recipe"}
PICTURE: dict[str, Any] = _RECIPE | {"recipe.frame_every": 0}
"""The inputs of an Optimize whose recipe is custom, with the settings of the recipe picture."""


def has_named_recipe(node: Mapping[str, Any]) -> bool:
    return bool(node["inputs"].get("recipe", "custom") != "custom")


def set_recipe(optimize: dict[str, Any], **settings: Any) -> None:
    if optimize["recipe"] != "custom":
        optimize |= PICTURE
    optimize |= {f"recipe.{name}": value for name, value in settings.items()}


def customise(choice: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {choice: "custom"} | {f"{choice}.{name}": value for name, value in settings.items()}


STEADY = {"focus": "everywhere", "denoise": "off", "optimizer.tilt": 0.0}
"""Settings of a custom recipe that change the whole picture and all its frequencies alike."""

PLAIN_STACK = {"parametrization": "multiples_of_4", "color": "decorrelated", "method": "spectral"} | {
    "tile": False, "feather": 0, "size": "given",
}  # fmt: skip
"""Details of an Image Stack, but for its margin."""

PLAIN_VIEWS = {"jitter": 0, "zoom_max": 1.0, "zoom_start": 1.0, "noise": 0.0, "noise_kind": "gaussian"} | {
    "grayscale": 0.0, "distance": 0.0,
}  # fmt: skip
"""Details of an Augmentation that changes nothing about a view."""


_SHORT: dict[str, dict[str, Any]] = {
    "DAS_Augmentation": {"views": 2},
    "DAS_FeatureAtlas": {"layer": "blocks.1", "units": "0-1"},
    "DAS_TeachJudge": {"minutes": 0.01},
    "KSampler": {"steps": 2},
    "DAS_GuideDiffusion": {"steps": 1, "every": 1, "start_percent": 0.0, "end_percent": 1.0},
    "EmptyLatentImage": {"width": 256, "height": 256},
}
_SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "CheckpointLoaderSimple": ("HarnessSmallDiffusion", {}),
    "DAS_CLIPFromComfyUI": ("DAS_LoadCLIP", {"source": "starter", "precision": "auto"}),
}


def shortened(prompt: dict[str, Any]) -> dict[str, Any]:
    """Change a prompt so that it has two steps, two views and small stand-ins for large models, and return it."""
    for node in prompt.values():
        kind = node["class_type"]
        if kind == "DAS_Optimize":
            set_recipe(node["inputs"], steps=2, preview_every=1, focus="everywhere")
        node["inputs"] |= _SHORT.get(kind, {})
        if kind in _SMALL:
            node["class_type"], node["inputs"] = _SMALL[kind][0], dict(_SMALL[kind][1])
    return prompt


def make_complete() -> dict[str, Any]:
    """Return a workflow with every node that takes part in making the picture of a class."""
    prompt = read_example("sweeps/small")
    prompt[STACK]["inputs"] |= {"width": 448, "height": 448, "details.margin": 56}
    prompt[AUGMENTATION]["inputs"] |= {"views": 2} | DETAILS
    verdict = {"classifier": ["8", 0], "image": [OPTIMIZE, 0], "top_k": 5}
    return prompt | {
        FRAMES: {"class_type": "PreviewImage", "inputs": {"images": [OPTIMIZE, 2]}},
        "8": {"class_type": "DAS_LoadClassifier", "inputs": {"source": "second_opinion", "precision": "auto"}},
        VERDICT: {"class_type": "DAS_Classify", "inputs": verdict},
    }


CLASSIFIER, OBJECTIVE, STACK, AUGMENTATION, OPTIMIZE, SAVED, FRAMES, VERDICT = "1", "2", "3", "4", "5", "6", "7", "9"
"""The ids of the nodes of `make_complete`."""
