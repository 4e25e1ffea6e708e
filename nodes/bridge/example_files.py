"""The pictures and the stack that example workflows begin with, in ComfyUI's input folder.

A workflow names files of the input folder, and a pack cannot bring any there but by copying them.
"""

import logging
import shutil
from pathlib import Path

import folder_paths

from ...das_core.common.files import write_atomically
from .page import find_server

EXAMPLES = Path(__file__).resolve().parents[2] / "example_workflows" / "input"
"""What is copied, laid out as in the input folder."""

_LOG = logging.getLogger(__name__)


def copy_example_files() -> None:
    """Copy the files of the example workflows into ComfyUI's input folder, where there is none of that name.

    Nothing happens where there is no server, whose page shows them. A file that is there is never replaced. Where
    copying fails, as on a read-only disk, the workflows still open, and their Load Image and Load Stack ask for another
    file; the log says what happened.
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
            # Another ComfyUI with the same input folder has copied it meanwhile.
            continue
        except OSError as error:
            _LOG.warning("the example file %s cannot be copied to %s (%s)", source.name, target.parent, error)
