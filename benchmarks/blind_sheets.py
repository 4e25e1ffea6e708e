"""Sheets of numbered pictures for a blind test, with at most `PER_SHEET` captions on a sheet.

A picture is fitted into a square cell and keeps its aspect ratio. Above a picture, or a pair of pictures, stands its
caption.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

CELL = 224  # default side, in pixels, of the square that a picture is fitted into; smaller squares are refused
PER_SHEET = 20  # maximum number of entries on a sheet
# The maximum width and height of a sheet in pixels, because a viewer may shrink larger sheets. A sheet is larger only
# if its captions have several lines, or if a single entry is larger.
LONGEST = 1420
# In pixels: the size of the font, the height of a line of text, the gap between the pictures of a pair, and the gap
# between entries
FONT_SIZE, LINE, INNER, OUTER = 28, 36, 4, 20
_FONT = ImageFont.load_default(FONT_SIZE)


@dataclass(frozen=True)
class Entry:
    """A part of a sheet that has its own number: one picture, or a pair."""

    caption: str
    pictures: tuple[Path, ...]


def draw_sheets(entries: Sequence[Entry], cell: int) -> list[Image.Image]:
    """Draw entries, in order, on as many sheets as they need."""
    columns, rows = _choose_grid(len(entries[0].pictures), cell)
    parts = [entries[first : first + columns * rows] for first in range(0, len(entries), columns * rows)]
    return [_draw_sheet(part, columns, cell) for part in parts]


def _choose_grid(pictures: int, cell: int) -> tuple[int, int]:
    """Return the numbers of columns and rows of the grid that has room for the most entries on one sheet."""
    width, height = _measure_entry(pictures, cell)
    across = max(1, (LONGEST - OUTER) // (width + OUTER))
    down = max(1, (LONGEST - OUTER) // (height + OUTER))
    grids = [(columns, min(down, PER_SHEET // columns)) for columns in range(1, min(across, PER_SHEET) + 1)]
    return max(grids, key=lambda grid: grid[0] * grid[1])


def _measure_entry(pictures: int, cell: int) -> tuple[int, int]:
    """Return the width and the height, in pixels, of an entry with `pictures` pictures and one line of text."""
    return pictures * cell + (pictures - 1) * INNER, LINE + cell


def _draw_sheet(entries: Sequence[Entry], columns: int, cell: int) -> Image.Image:
    """Return a sheet with entries in a grid of at most `columns` columns, each with its caption above its pictures."""
    width, height = _measure_entry(len(entries[0].pictures), cell)
    captions = [_wrap(entry.caption, width) for entry in entries]
    head = LINE * max(map(len, captions))
    height += head - LINE
    across, down = min(columns, len(entries)), -(-len(entries) // columns)
    size = (OUTER + across * (width + OUTER), OUTER + down * (height + OUTER))
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for place, (entry, lines) in enumerate(zip(entries, captions, strict=True)):
        left = OUTER + place % columns * (width + OUTER)
        top = OUTER + place // columns * (height + OUTER)
        for number, line in enumerate(lines):
            # The last line is directly above the pictures, even if the captions of other entries have more lines.
            pen.text((left, top + head - LINE * (len(lines) - number)), line, "black", _FONT)
        for number, path in enumerate(entry.pictures):
            picture = _open_picture(path, cell)
            corner = (left + number * (cell + INNER), top + head)
            sheet.paste(picture, (corner[0] + (cell - picture.width) // 2, corner[1] + (cell - picture.height) // 2))
    return sheet


def _open_picture(path: Path, cell: int) -> Image.Image:
    """Return the picture of a file, resized to fit into a square of `cell` pixels a side; it keeps its aspect ratio."""
    try:
        with Image.open(path) as picture:
            return ImageOps.contain(picture.convert("RGB"), (cell, cell), Image.Resampling.BICUBIC)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read as a picture ({error})") from error


def _wrap(text: str, width: int) -> list[str]:
    """Break a text between words into lines of at most `width` pixels; a word that is wider has a line of its own."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _FONT.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
