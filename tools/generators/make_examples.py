"""Make the example workflows that ComfyUI's template browser shows, from workflows in API format.

    make examples [ARGS="[--thumbnails] [name ...]"]

The page of a real ComfyUI in headless Chromium makes example_workflows/NAME.json from example_workflows/api/NAME.json,
and adds the note in api/NAME.md if there is one. With --thumbnails the workflow also runs, and the images of one node
become example_workflows/NAME.jpg. The node is the first SaveImage node or, if there is none, the first PreviewImage
node. If SHOWN has a title for the example, only nodes with this title count. The run downloads nothing: starter
CLIPs replace other CLIPs, the recipe's denoiser replaces an upscale model, and the nodes of a diffusion model are left
out. Sample photographs replace ComfyUI's example.png. Workflows that show nothing without diffusion do not run, see
`make_thumbnail`. ComfyUI is expected in the folder that the environment variable COMFYUI_PATH names, else in ~/ComfyUI.
It is started with this Python, which therefore needs ComfyUI's requirements.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from generators.diffusion_pictures import THUMBNAILS
from generators.example_stand_ins import remove_nodes, use_own_denoisers, use_photographs, use_starters
from generators.example_thumbnails import MAX_THUMBNAIL_IMAGES, encode_thumbnail, render_picture
from generators.example_workflow import RoundTripError, make_workflow
from harness.client import Client
from harness.page import open_page, start_chromium
from harness.server import start_comfyui
from repository import REPOSITORY

SHOWN = dict.fromkeys(("timelapse", "prompt_to_prompt", "morph", "living_picture", "film_style"), "Frames") | {
    "infinite_zoom": "Depths",
    "zoom_text": "Depths",
}
"""By the name of an example workflow, the title of the node whose images become its thumbnail. For other examples the
title does not matter."""

MOST = {"film_style": 4}
"""By the name of an example workflow, the maximum number of images in its thumbnail. For these examples
`MAX_THUMBNAIL_IMAGES` images would be so small that all look alike."""


PHOTOGRAPH = {"inpaint": "coffee.png"}
"""By the name of an example workflow, the sample photograph of its thumbnail; for other examples it is `cat.png`."""


def read_prompt(path: Path) -> dict[str, Any]:
    """Return a workflow in API format from its file."""
    prompt: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return prompt


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    description, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(prog="make_examples", description=description, epilog=details)
    parser.add_argument("names", nargs="*", metavar="name", help="the example to make, without .json; all by default")
    parser.add_argument(
        "--directory", type=Path, default=REPOSITORY / "example_workflows", help="the folder with the examples and api/"
    )
    parser.add_argument("--thumbnails", action="store_true", help="also run each example and write NAME.jpg")
    parser.add_argument("--gpu", action="store_true", help="let ComfyUI choose the device instead of the CPU")
    return parser.parse_args(arguments)


def make_example(client: Client, browser: Browser, directory: Path, name: str) -> dict[str, Any]:
    """Make NAME.json (UI format) from api/NAME.json and the note api/NAME.md, and return the workflow in API format.

    Args:
        client: a client of the running ComfyUI.
        browser: the browser in which ComfyUI's page converts the workflow.
        directory: the folder with the examples and with api/.
        name: NAME; there need not be a note.

    Raises:
        LookupError: the server lacks a node class of the workflow; the message contains the end of the server's log.
        RoundTripError: nodes, inputs or links of the workflow on ComfyUI's page differ from the API format.
        PageTooSmallError: no arrangement shows the note and the first ascent in one legible view.
        ValueError: the workflow has a form for App mode, and lacks an input of this form or saves no image.
    """
    prompt = read_prompt(directory / "api" / f"{name}.json")
    for class_type in sorted({node["class_type"] for node in prompt.values()}):
        client.get_object_info(class_type)
    note = directory / "api" / f"{name}.md"
    text = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    with open_page(browser, client) as page:
        workflow = make_workflow(page, prompt, name, text)
    target = directory / f"{name}.json"
    target.write_text(json.dumps(workflow, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(target)
    return prompt


def make_thumbnail(client: Client, prompt: Mapping[str, Any], target: Path) -> None:
    """Run a workflow, with replacements for files that it would download, and write its thumbnail.

    Workflows that would show nothing without diffusion do not run, because a diffusion model is a large download.
    `THUMBNAILS` has a function for each of them, which makes the thumbnail with a formula that denoises exactly, in
    place of the diffusion model.
    """
    if target.stem in THUMBNAILS:
        target.write_bytes(encode_thumbnail(THUMBNAILS[target.stem]()))
        print(target)
        return
    prompt, photographs = use_photographs(
        remove_nodes(use_own_denoisers(use_starters(prompt)), "CheckpointLoaderSimple"),
        PHOTOGRAPH.get(target.stem, "cat.png"),
    )
    for name, photograph in photographs.items():
        client.upload(photograph, name)
    most = MOST.get(target.stem, MAX_THUMBNAIL_IMAGES)
    picture = render_picture(client, prompt, title=SHOWN.get(target.stem), most=most)
    target.write_bytes(encode_thumbnail(picture))
    print(target)


def main(arguments: list[str]) -> int:
    """Make the examples and return the exit code: 1 if ComfyUI's page changed a workflow that it loaded, else 0."""
    options = parse_arguments(arguments)
    directory: Path = options.directory
    names: list[str] = options.names or sorted(path.stem for path in (directory / "api").glob("*.json"))
    flags = () if options.gpu else ("--cpu",)
    failed = 0
    with tempfile.TemporaryDirectory() as folder, start_comfyui(Path(folder), flags=flags) as server:
        client = Client(server)
        with start_chromium() as browser:
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
