"""Thumbnails of the example workflows: the images that a node of the workflow shows, as one small JPEG file."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image, ImageOps
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from harness.client import Client
from runner.contact_sheet import make_contact_sheet

THUMBNAIL_SIDE = 512
MAX_THUMBNAIL_BYTES = 100_000
"""Maximum size of a thumbnail file: the template browser loads all thumbnails at once."""

MAX_THUMBNAIL_IMAGES = 16
"""Maximum number of images of a batch in a thumbnail."""

RUN_SECONDS = 3600.0


def encode_thumbnail(image: Image.Image) -> bytes:
    """Return a JPEG of 512 pixels on the longer side, in the highest tried quality that needs less than 100 KB."""
    picture = ImageOps.contain(image.convert("RGB"), (THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    for quality in range(88, 0, -6):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() < MAX_THUMBNAIL_BYTES:
            break
    return buffer.getvalue()


def tile_images(images: Sequence[Image.Image], most: int = MAX_THUMBNAIL_IMAGES) -> Image.Image:
    """Return a grid of images of one size.

    If there are more than `most` images, only `most` of them are shown, at even intervals from the first to the last.
    """
    count = min(len(images), most)
    shown = [images[place * (len(images) - 1) // max(count - 1, 1)] for place in range(count)]
    tiles = torch.stack([pil_to_tensor(image.convert("RGB")) for image in shown])
    return to_pil_image(make_contact_sheet(tiles, padding=0, pad_value=0.0))


def render_picture(
    client: Client,
    prompt: Mapping[str, Any],
    timeout: float = RUN_SECONDS,
    title: str | None = None,
    most: int = MAX_THUMBNAIL_IMAGES,
) -> Image.Image:
    """Run a workflow and return the images of its first SaveImage node as one image.

    If there is no SaveImage node, the images are those of the first PreviewImage node.

    Args:
        client: a client of the server that runs the workflow.
        prompt: the workflow in API format.
        timeout: the time limit in seconds.
        title: the title that the node must have; None if any title is allowed.
        most: the maximum number of images that are shown.

    Raises:
        ValueError: the workflow has no SaveImage and no PreviewImage node with this title.
    """
    classes = {
        node: content["class_type"]
        for node, content in prompt.items()
        if title in (None, content.get("_meta", {}).get("title"))
    }
    nodes = [node for wanted in ("SaveImage", "PreviewImage") for node, name in classes.items() if name == wanted]
    if not nodes:
        raise ValueError("a thumbnail is what a SaveImage or PreviewImage node shows, and this workflow has none")
    return tile_images(client.get_images(client.run(prompt, timeout), nodes[0]), most)
