"""Copies the pictures that example workflows begin with into ComfyUI's input folder.

Load Image, a node of ComfyUI, finds no files in the folder of a pack.
"""

import logging
import os
import shutil
from pathlib import Path

import folder_paths

from ...das_core.common.files import write_atomically
from .page import find_server

EXAMPLES = Path(__file__).resolve().parents[2] / "example_workflows" / "input"
"""The folder of the pictures that are copied. Its subfolder of stacks is read by Load Stack in place."""

_LOG = logging.getLogger(__name__)


def copy_example_files() -> None:
    """Copy the pictures of the example workflows into ComfyUI's input folder; existing files are never replaced."""
    # Without a server there is no page on which the examples could be opened.
    if find_server() is None:
        return
    home = Path(folder_paths.get_input_directory())
    for source in sorted(path for path in EXAMPLES.iterdir() if path.is_file()):
        target = home / source.name
        try:
            if target.exists():
                continue
            home.mkdir(parents=True, exist_ok=True)
            with write_atomically(target, replace=False) as part:
                shutil.copyfile(source, part)
        except OSError as error:
            # Another ComfyUI with the same input folder may have copied the file meanwhile.
            if not os.path.exists(target):
                _LOG.warning("the example file %s cannot be copied to %s (%s)", source.name, home, error)
