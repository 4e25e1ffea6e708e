"""Model files that examples need and the pack does not contain, with addresses from which ComfyUI can download them.

The page reads the name and the address of a file from `properties.models` of the node that loads the file. It shows a
dialog if the file is missing.
"""

from collections.abc import Mapping
from typing import Any

FILES: Mapping[str, Mapping[str, str]] = {
    "v1-5-pruned-emaonly-fp16.safetensors": {
        "url": "https://huggingface.co/Comfy-Org/stable-diffusion-v1-5-archive/resolve/main/"
        "v1-5-pruned-emaonly-fp16.safetensors?download=true",
        "directory": "checkpoints",
    },
    "sd_xl_base_1.0.safetensors": {
        "url": "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors",
        "directory": "checkpoints",
    },
    "RealESRGAN_x4plus.safetensors": {
        "url": "https://huggingface.co/Comfy-Org/Real-ESRGAN_repackaged/resolve/main/RealESRGAN_x4plus.safetensors",
        "directory": "upscale_models",
    },
    "clip_vision_g.safetensors": {
        "url": "https://huggingface.co/comfyanonymous/clip_vision_g/resolve/main/clip_vision_g.safetensors",
        "directory": "clip_vision",
    },
}
"""By the name of a file, the address at which it is published, and its folder below `models`."""


def list_files(node: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the value of `properties.models` for a node: an entry for each file of `FILES` that the node loads.

    Args:
        node: a node of a workflow in API format.
    """
    names = [value for value in node["inputs"].values() if isinstance(value, str) and value in FILES]
    return [{"name": name, **FILES[name]} for name in names]
