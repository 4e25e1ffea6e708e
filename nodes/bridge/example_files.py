"""Copies the pictures and the stack that example workflows begin with into ComfyUI's input folder.

A workflow cannot name files in the folder of a pack, so the pack copies its example files to the input folder.
"""

import logging
import shutil
from pathlib import Path

import folder_paths

from ...das_core.common.files import write_atomically
from .page import find_server

EXAMPLES = Path(__file__).resolve().parents[2] / "example_workflows" / "input"
"""The folder of the files that are copied; each file goes to the same subfolder of the input folder."""

_LOG = logging.getLogger(__name__)


def copy_example_files() -> None:
    """Copy the files of the example workflows into ComfyUI's input folder; existing files are never replaced.

    Without a server nothing is copied, because the examples are opened on the server's page. If copying fails, as on a
    read-only disk, a warning is logged. The workflows still open, and their nodes Load Image and Load Stack ask for
    another file.
    """
    if find_server() is None:
        return
    home = Path(folder_paths.get_input_directory())
    for source in sorted(path for path in EXAMPLES.rglob("*") if path.is_file()):
        target = home / source.relative_to(EXAMPLES)
        try:
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(target, replace=False) as part:
                shutil.copyfile(source, part)
        except FileExistsError:
            # Another ComfyUI with the same input folder has copied the file meanwhile.
            continue
        except OSError as error:
            _LOG.warning("the example file %s cannot be copied to %s (%s)", source.name, target.parent, error)
