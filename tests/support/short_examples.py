"""Example workflows with so little work that the real ComfyUI runs each in seconds."""

from typing import Any


def shortened(prompt: dict[str, Any]) -> dict[str, Any]:
    """Two steps and two views are enough to see that everything fits together."""
    for node in prompt.values():
        if node["class_type"] == "DAS_Optimize":
            node["inputs"] |= {"steps": 2, "preview_every": 1}
        if node["class_type"] == "DAS_Augmentation":
            node["inputs"]["views"] = 2
        if node["class_type"] == "KSampler":
            node["inputs"]["steps"] = 2
        if node["class_type"] == "DAS_GuideDiffusion":
            node["inputs"] |= {"steps": 1, "every": 1, "start_percent": 0.0, "end_percent": 1.0}
        if node["class_type"] == "EmptyLatentImage":
            node["inputs"] |= {"width": 256, "height": 256}
        if node["class_type"] == "CheckpointLoaderSimple":
            node |= {"class_type": "HarnessSmallDiffusion", "inputs": {}}
    return prompt
