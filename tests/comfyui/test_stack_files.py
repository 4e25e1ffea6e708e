"""Stacks through files, edits and other sizes in the real ComfyUI."""

from typing import Any

import pytest

from harness.client import Client, PromptFailedError, PromptRejectedError
from short_examples import PLAIN_STACK, customise

STACK = {
    "width": 64,
    "height": 64,
    "batch_size": 1,
    "start": "noise",
    "start.amplitude": 0.3,
    "start.decay": 0.7,
    "seed": 0,
    **customise("details", {"margin": 0, **PLAIN_STACK}),
}


def saving(prefix: str) -> dict[str, Any]:
    """Make a stack, save it as an image, and as a file."""
    return {
        "1": {"class_type": "DAS_ImageStack", "inputs": STACK},
        "2": {"class_type": "DAS_SaveStack", "inputs": {"stack": ["1", 0], "filename_prefix": prefix}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
        "4": {"class_type": "DAS_StackToImage", "inputs": {"stack": ["1", 0]}},
        "5": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "before"}},
    }


def loading(file: str, scale: float = 1.0, **edit: str) -> dict[str, Any]:
    """Load a stack, edit it, and save it as an image."""
    edits = {"gains": "", "reset": "", "freeze": "", "blend": 0.5, "blend_bands": ""} | edit
    return {
        "1": {"class_type": "DAS_LoadStack", "inputs": {"file": file}},
        "2": {"class_type": "DAS_EditStack", "inputs": {"stack": ["1", 0], **edits}},
        "3": {"class_type": "DAS_StackToImage", "inputs": {"stack": ["2", 0], "scale": scale}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "after"}},
    }


def test_a_stack_goes_through_a_file(comfyui: Client) -> None:
    history = comfyui.run(saving("night/castle"))
    (name,) = history["outputs"]["3"]["text"]
    assert name == "night/castle_00001_.safetensors [output]"
    assert history["outputs"]["2"]["text"] == [f"saved as {name}"]
    # What was saved a moment ago is in the list that the page would get now.
    options = comfyui.get_object_info("DAS_LoadStack")["input"]["required"]["file"][1]["options"]
    assert name in options
    (before,) = comfyui.get_images(history, "5")
    (after,) = comfyui.get_images(comfyui.run(loading(name)), "4")
    assert after.tobytes() == before.tobytes()
    (large,) = comfyui.get_images(comfyui.run(loading(name, 2.0, gains="1-8: 0.5")), "4")
    assert large.size == (128, 128)


def test_a_path_that_leaves_the_folder_is_refused(comfyui: Client) -> None:
    with pytest.raises(PromptFailedError, match="leaves the folder"):
        comfyui.run(saving("../../castle"))
    with pytest.raises(PromptRejectedError, match="not in list"):
        comfyui.run(loading("../../../etc/passwd"))
