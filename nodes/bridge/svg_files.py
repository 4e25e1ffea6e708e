"""Saves SVG files in ComfyUI's output folder."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import folder_paths

from ...das_core.common.text import shorten
from .folders import explain_write_error
from .rescue import save_new_files
from .stack_folders import check_prefix


def save_svgs(texts: Sequence[str], prefix: str) -> list[dict[str, str]]:
    """Save texts as files with the next free numbers; return for each what the page needs to show it."""
    check_prefix(prefix, Path(folder_paths.get_output_directory()))
    try:
        names = save_new_files(prefix, ".svg", [partial(_write, text) for text in texts])
    except OSError as error:
        raise ValueError(explain_write_error(error, f"the SVG '{shorten(prefix)}'")) from None
    places = [Path(name) for name in names]
    subfolder = "" if places[0].parent == Path() else places[0].parent.as_posix()
    return [{"filename": file.name, "subfolder": subfolder, "type": "output"} for file in places]


def _write(text: str, path: Path) -> None:
    """Write a text to a file."""
    path.write_text(text, encoding="utf-8")
