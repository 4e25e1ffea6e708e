"""Make the API forms of the example workflows, and their thumbnails.

    make examples [ARGS="[--thumbnails] [name ...]"]

example_workflows/'01 Name of it.json' is saved by ComfyUI's page, which shows this name: edit it there. From it, this
command makes example_workflows/api/name_of_it.json, which tools/run_workflow.py runs. With --thumbnails the workflow
also runs, without ComfyUI, and what it saves becomes the .jpg beside it. Workflows with nodes that only ComfyUI has
keep their thumbnails.
"""

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageOps

from generators.saved_workflow import make_prompt
from repository import REPOSITORY
from run_workflow import run
from runner.workflow_graph import WorkflowError

THUMBNAIL_SIDE = 512
MAX_THUMBNAIL_BYTES = 100_000  # maximum size of a thumbnail file: the template browser loads all thumbnails at once
MAX_THUMBNAIL_IMAGES = 16  # maximum number of images of a batch or a film in a thumbnail
# By the name of an API form, the maximum number of frames in the thumbnail, where more would all look alike
MOST = {"video_style": 4, "microscope": 4}


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    description, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(prog="make_examples", description=description, epilog=details)
    parser.add_argument("names", nargs="*", metavar="name", help="the example to make, as in api/; all by default")
    parser.add_argument(
        "--directory", type=Path, default=REPOSITORY / "example_workflows", help="the folder with the examples and api/"
    )
    parser.add_argument("--thumbnails", action="store_true", help="also run each example and write NAME.jpg")
    return parser.parse_args(arguments)


def name_api(path: Path) -> str:
    """Return the name of the API form of an example: '01 Class to image.json' has class_to_image.json."""
    return path.stem.lstrip("0123456789 ").lower().replace(" ", "_")


def make_api_text(path: Path) -> str:
    """Return the text of the file in API format for a workflow file of the page: a line for each node."""
    prompt = make_prompt(json.loads(path.read_text(encoding="utf-8")))
    lines = [f"  {json.dumps(name)}: {json.dumps(node, ensure_ascii=False)}" for name, node in prompt.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def make_thumbnail(prompt: Path, target: Path) -> None:
    """Run a workflow in API format, and write what its first saving node saves as one small JPEG file."""
    nodes: dict[str, Any] = json.loads(prompt.read_text(encoding="utf-8"))
    savers = [name for kind in ("SaveVideo", "SaveImage") for name in nodes if nodes[name]["class_type"] == kind]
    if not savers:
        raise WorkflowError(f"{prompt}: a thumbnail is what a workflow saves, and this one saves no picture")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        # The node that saves runs last; others may show pictures, too.
        *_, (_, shown) = run(prompt, output=output, only=savers[:1])
        pictures = [picture for entry in shown["images"] for picture in _read_frames(output / entry["filename"])]
    target.write_bytes(encode_thumbnail(tile_images(pictures, MOST.get(prompt.stem, MAX_THUMBNAIL_IMAGES))))


def _read_frames(path: Path) -> list[Image.Image]:
    """Return the picture in a file, or the frames of a film."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as film:
            return [frame.to_image() for frame in film.decode(video=0)]
    with Image.open(path) as file:
        return [file.convert("RGB")]


def tile_images(images: Sequence[Image.Image], most: int = MAX_THUMBNAIL_IMAGES) -> Image.Image:
    """Return a square grid of images of one size; of more than `most`, only `most` at even intervals."""
    count = min(len(images), most)
    shown = [images[place * (len(images) - 1) // max(count - 1, 1)] for place in range(count)]
    columns = next(number for number in range(1, count + 1) if number**2 >= count)
    width, height = shown[0].size
    sheet = Image.new("RGB", (columns * width, -(-count // columns) * height))
    for place, image in enumerate(shown):
        sheet.paste(image, (place % columns * width, place // columns * height))
    return sheet


def encode_thumbnail(image: Image.Image) -> bytes:
    """Return a JPEG of 512 pixels on the longer side, in the highest tried quality that needs less than 100 KB."""
    picture = ImageOps.contain(image.convert("RGB"), (THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    for quality in range(88, 0, -6):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() < MAX_THUMBNAIL_BYTES:
            break
    return buffer.getvalue()


def main(arguments: list[str]) -> int:
    """Make the API forms and thumbnails, and return the exit code: 1 if a thumbnail could not be made, else 0."""
    options = parse_arguments(arguments)
    directory: Path = options.directory
    failed = 0
    examples = {name_api(path): path for path in sorted(directory.glob("*.json"))}
    for name in options.names or examples:
        prompt, path = directory / "api" / f"{name}.json", examples[name]
        prompt.write_text(make_api_text(path), encoding="utf-8")
        if options.thumbnails:
            try:
                make_thumbnail(prompt, path.with_suffix(".jpg"))
            except WorkflowError as error:
                print(f"{name} keeps its thumbnail: {error}", file=sys.stderr)
                failed = 1
        print(prompt)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
