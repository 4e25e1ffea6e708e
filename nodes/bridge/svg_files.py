"""Saves SVG files in ComfyUI's output folder."""

import io as memory
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import folder_paths
from comfy_api.latest import io

from ...das_core.common.text import shorten
from .folders import explain_write_error
from .rescue import save_new_files
from .stack_folders import check_prefix


def save_svgs(texts: Sequence[str], prefix: str) -> tuple[Any, list[dict[str, str]]]:
    """Save texts as files with the next free numbers; return them as ComfyUI's SVG, and for the page what to show."""
    check_prefix(prefix, Path(folder_paths.get_output_directory()))
    contents = [text.encode() for text in texts]
    try:
        names = save_new_files(prefix, ".svg", [partial(_write, content) for content in contents])
    except OSError as error:
        raise ValueError(explain_write_error(error, f"the SVG '{shorten(prefix)}'")) from None
    places = [Path(name) for name in names]
    shown = [{"filename": file.name, "subfolder": file.parent.as_posix(), "type": "output"} for file in places]
    return io.SVG.Type([memory.BytesIO(content) for content in contents]), shown


def _write(content: bytes, path: Path) -> None:
    """Write bytes to a file."""
    path.write_bytes(content)
