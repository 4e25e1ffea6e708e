"""The files of models that example workflows load and that nobody has by default: where ComfyUI's page can get them.

A node that names one of them says so in its properties; the page then offers the download when the file is missing.
"""

from collections.abc import Mapping
from typing import Any

FOLDERS = {
    "v1-5-pruned-emaonly-fp16.safetensors": "checkpoints",
    "sd_xl_base_1.0.safetensors": "checkpoints",
    "clip_vision_g.safetensors": "clip_vision",
}
"""By file, ComfyUI's folder of models that it belongs in."""

REPOSITORIES = {
    "v1-5-pruned-emaonly-fp16.safetensors": "Comfy-Org/stable-diffusion-v1-5-archive",
    "sd_xl_base_1.0.safetensors": "stabilityai/stable-diffusion-xl-base-1.0",
    "clip_vision_g.safetensors": "comfyanonymous/clip_vision_g",
}
"""By file, its repository on Hugging Face."""

LOADERS = {"CheckpointLoaderSimple": "ckpt_name", "CLIPVisionLoader": "clip_name"}
"""By node class, the input that names a file."""


def list_downloads(prompt: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return, by node, what `properties.models` of a workflow file has to hold.

    Args:
        prompt: the workflow in API format.

    Raises:
        LookupError: a loader names a file that this module does not know.
    """
    downloads = {}
    for node, content in prompt.items():
        if content["class_type"] in LOADERS:
            name = content["inputs"][LOADERS[content["class_type"]]]
            if name not in FOLDERS:
                raise LookupError(f"node {node} loads {name}: add its folder and its repository to example_models.py")
            url = f"https://huggingface.co/{REPOSITORIES[name]}/resolve/main/{name}"
            downloads[node] = [{"name": name, "url": url, "directory": FOLDERS[name]}]
    return downloads
