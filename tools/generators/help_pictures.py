"""Drawing the pictures of the help pages: rows of captioned tiles, and small JPEG files."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from repository import REPOSITORY

WIDTH = 400
"""The width of a picture in pixels. ComfyUI's help panel shows a picture 282 pixels wide until the user widens the
panel."""

MAX_BYTES = 45_000

_GAP = 6
_TEXT_SIZE = 19
_BACKGROUND = (32, 32, 32)
_TEXT = (230, 230, 230)


def encode_picture(picture: Image.Image) -> bytes:
    """Return a picture as a JPEG of at most 45 KB; a picture wider than `WIDTH` pixels is shrunk to that width."""
    if picture.width > WIDTH:
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    for quality in range(88, 0, -4):
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= MAX_BYTES:
            break
    return buffer.getvalue()


def make_row(tiles: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Return pictures side by side, scaled and cut to equal squares, in one row, with a caption below each.

    Args:
        tiles: the pictures.
        captions: a caption for each picture. A caption may have several lines, or be empty.
    """
    side = (WIDTH - _GAP * (len(tiles) - 1)) // len(tiles)
    font = ImageFont.load_default(_TEXT_SIZE)
    lines = max(caption.count("\n") + 1 if caption else 0 for caption in captions)
    row = Image.new("RGB", (WIDTH, side + lines * (_TEXT_SIZE + 6)), _BACKGROUND)
    draw = ImageDraw.Draw(row)
    for place, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        left = place * (side + _GAP)
        row.paste(ImageOps.fit(tile.convert("RGB"), (side, side), Image.Resampling.LANCZOS), (left, 0))
        draw.multiline_text((left + side / 2, side + 2), caption, _TEXT, font, anchor="ma", align="center", spacing=3)
    return row


def stack_rows(rows: Sequence[Image.Image]) -> Image.Image:
    """Return one picture with the rows one below the other; every row is `WIDTH` pixels wide."""
    sheet = Image.new("RGB", (WIDTH, sum(row.height for row in rows) + _GAP * (len(rows) - 1)), _BACKGROUND)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + _GAP
    return sheet


def read_thumbnail(name: str, cells: int = 1, cell: int = 0) -> Image.Image:
    """Return the thumbnail of an example workflow, or one picture of a thumbnail that is a grid.

    A grid has `cells` x `cells` pictures. `cell` is the number of the picture, row by row from 0.
    """
    with Image.open(REPOSITORY / "example_workflows" / f"{name}.jpg") as opened:
        picture = opened.convert("RGB")
    side = picture.width // cells
    row, column = divmod(cell, cells)
    box = (column * side, row * side, (column + 1) * side, (row + 1) * side)
    return picture if cells == 1 else picture.crop(box)


def to_picture(images: Tensor) -> Image.Image:
    """Return the first of a batch of images, (B, 3, H, W), 0..1, as a PIL image."""
    picture: Image.Image = to_pil_image(images[0].clamp(0, 1))
    return picture


def write_picture(path: Path, picture: Image.Image) -> int:
    """Write a picture as a JPEG file, see `encode_picture`, and return the size of the file in bytes."""
    return path.write_bytes(encode_picture(picture))
