"""Make the example workflows that ComfyUI's template browser shows, from those in API format.

    python tools/make_examples.py [--thumbnails] [name ...]

example_workflows/api/NAME.json, with the note in NAME.md beside it if there is one, becomes
example_workflows/NAME.json, made by the page of a real ComfyUI in headless Chromium. With --thumbnails the workflow
also runs, and what it saves first becomes example_workflows/NAME.jpg; nothing is downloaded for that: the starters
stand in for other CLIPs, sample photographs for those of the user, and diffusion is left out. ComfyUI is looked
for at the environment variable COMFYUI_PATH, else at ~/ComfyUI; it is started with this Python, which therefore needs
ComfyUI's requirements.
"""

import argparse
import io
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from comfyui_client import Client
from comfyui_page import chromium, open_page
from comfyui_server import ROOT, running_comfyui
from example_stand_ins import with_photographs, with_starters, without
from example_workflow import RoundTripError, make_workflow
from PIL import Image, ImageOps
from playwright.sync_api import Browser
from torchvision.transforms.functional import pil_to_tensor, to_pil_image
from torchvision.utils import make_grid

THUMBNAIL_SIDE = 512
THUMBNAIL_BYTES = 100_000
"""The template browser fetches all of them at once."""

THUMBNAIL_IMAGES = 16
"""Of a longer batch so many are shown."""

RUN_SECONDS = 3600.0

SHOWN = {"timelapse": "Frames", "prompt_to_prompt": "Frames"}
"""The title of the node whose images are the thumbnail, where it is not the first that saves one."""


def read_prompt(path: Path) -> dict[str, Any]:
    """Return a workflow in API format from its file."""
    prompt: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return prompt


def thumbnail(image: Image.Image) -> bytes:
    """Return an image as a JPEG of 512 pixels on its longer side, as good as 100 KB allow."""
    picture = ImageOps.contain(image.convert("RGB"), (THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    for quality in range(88, 0, -6):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() < THUMBNAIL_BYTES:
            break
    return buffer.getvalue()


def sheet(images: Sequence[Image.Image]) -> Image.Image:
    """Return images of one size as one, in rows; of many, sixteen from the first to the last."""
    count = min(len(images), THUMBNAIL_IMAGES)
    shown = [images[place * (len(images) - 1) // max(count - 1, 1)] for place in range(count)]
    tiles = [pil_to_tensor(image.convert("RGB")) for image in shown]
    return to_pil_image(make_grid(tiles, nrow=math.ceil(math.sqrt(count)), padding=0))


def first_picture(
    client: Client, prompt: Mapping[str, Any], timeout: float = RUN_SECONDS, title: str | None = None
) -> Image.Image:
    """Run a workflow and return what its first SaveImage node saves, or PreviewImage shows; a batch as one sheet.

    With a title, only a node of that title counts.

    Raises:
        ValueError: it has no such node.
    """
    classes = {
        node: content["class_type"]
        for node, content in prompt.items()
        if title in (None, content.get("_meta", {}).get("title"))
    }
    nodes = [node for wanted in ("SaveImage", "PreviewImage") for node, name in classes.items() if name == wanted]
    if not nodes:
        raise ValueError("a thumbnail is what a SaveImage or PreviewImage node shows, and this workflow has none")
    return sheet(client.images(client.run(prompt, timeout), nodes[0]))


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    description, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=description, epilog=details)
    parser.add_argument("names", nargs="*", metavar="name", help="which ones, without .json; all by default")
    parser.add_argument("--directory", type=Path, default=ROOT / "example_workflows", help="of the examples and api/")
    parser.add_argument("--thumbnails", action="store_true", help="run them too, and write NAME.jpg")
    parser.add_argument("--gpu", action="store_true", help="let ComfyUI choose the device; the CPU by default")
    return parser.parse_args(arguments)


def make_example(client: Client, browser: Browser, directory: Path, name: str) -> dict[str, Any]:
    """Write one workflow in UI format and return it in API format.

    Raises:
        LookupError: the server has no such node; the message holds the end of its log.
        RoundTripError: see make_workflow.
    """
    prompt = read_prompt(directory / "api" / f"{name}.json")
    for class_type in sorted({node["class_type"] for node in prompt.values()}):
        client.object_info(class_type)
    note = directory / "api" / f"{name}.md"
    text = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    with open_page(browser, client) as page:
        workflow = make_workflow(page, prompt, name, text)
    target = directory / f"{name}.json"
    target.write_text(json.dumps(workflow, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(target)
    return prompt


def make_thumbnail(client: Client, prompt: Mapping[str, Any], target: Path) -> None:
    """Run a workflow, with what stands in for what it would download, and write its picture as a thumbnail."""
    prompt, photographs = with_photographs(without(with_starters(prompt), "CheckpointLoaderSimple"))
    for name, photograph in photographs.items():
        client.upload(photograph, name)
    target.write_bytes(thumbnail(first_picture(client, prompt, title=SHOWN.get(target.stem))))
    print(target)


def main(arguments: list[str]) -> int:
    """Make the examples; 1 when one of them says something else in the page than in its API file."""
    options = parse_arguments(arguments)
    directory: Path = options.directory
    names: list[str] = options.names or sorted(path.stem for path in (directory / "api").glob("*.json"))
    flags = () if options.gpu else ("--cpu",)
    failed = 0
    with tempfile.TemporaryDirectory() as folder, running_comfyui(Path(folder), flags=flags) as server:
        client = Client(server)
        with chromium() as browser:
            for name in names:
                try:
                    prompt = make_example(client, browser, directory, name)
                except RoundTripError as error:
                    print(error, file=sys.stderr)
                    failed = 1
                    continue
                if options.thumbnails:
                    make_thumbnail(client, prompt, directory / f"{name}.jpg")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
