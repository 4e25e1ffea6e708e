"""ComfyUI's folders of models, its output folder, and the pictures in its input folder."""

import errno
import logging
import os
import re
import shutil
from pathlib import Path

import folder_paths

from ...das_core.common.files import write_atomically
from ...das_core.common.text import shorten
from .page import find_server

CLASSIFIERS = "classifiers"
"""The kind of model under which image classifiers are registered with ComfyUI; also the name of their folder."""

CLIPS = "open_clip"
"""The kind of model under which this pack's CLIPs are registered with ComfyUI; also the name of their folder."""

FEATURES = "features"
"""The kind of model under which sparse autoencoders, probes and vectors are registered; also their folder."""

TAUGHT = "taught"
"""The kind of model under which files of what judges were taught are registered; also the name of their folder."""

_LOG = logging.getLogger(__name__)

_INPUT = "input"
"""What the input folder is called among the folders of pictures."""

_PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_WEIGHTS = {".safetensors", ".pth", ".pt", ".bin", ".ckpt"}
_KINDS = {CLASSIFIERS: _WEIGHTS, CLIPS: _WEIGHTS, FEATURES: _WEIGHTS | {".npy"}, TAUGHT: {".safetensors"}}


def check_folder_name(name: str = Path(__file__).parents[2].name) -> None:
    """Log a warning when the pack's folder has a name under which ComfyUI's page gets no files from it."""
    # ComfyUI's web server, aiohttp, looks up addresses without quotes such as %20 among names with them.
    if not re.fullmatch(r"[\w.~!$&'()*+,;=@-]+", name, re.ASCII):
        _LOG.warning(
            "ComfyUI's page gets no files from a folder called '%s': Direct Ascent has no panels, no help and no "
            "pictures of templates there; rename the folder, such as to direct-ascent, and start ComfyUI again",
            name,
        )


def register_folders() -> None:
    """Register the folders of models and their file extensions with ComfyUI; make missing folders."""
    for kind, own in _KINDS.items():
        folder = os.path.join(folder_paths.models_dir, kind)
        folder_paths.add_model_folder_path(kind, folder)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            # For example, the disk is read-only. Models can still be loaded from other folders.
            _LOG.warning("the folder %s cannot be made (%s)", folder, error.strerror or error)
        paths, extensions = folder_paths.folder_names_and_paths[kind]
        folder_paths.folder_names_and_paths[kind] = (paths, set(extensions) | own)


def list_model_files(kind: str) -> list[str]:
    """Return the paths of the checkpoints, each relative to a folder of this kind, such as `CLIPS`."""
    try:
        return [str(name) for name in folder_paths.get_filename_list(kind)]
    except OSError as error:
        # No error is raised, because the nodes that list these files must still load.
        _LOG.warning("the folders of %s cannot be listed (%s)", kind, error)
        return []


def find_model_file(kind: str, name: object) -> Path:
    """Return the path of a checkpoint that `list_model_files` lists; raise a ValueError for any other name."""
    is_listed = isinstance(name, str) and name in list_model_files(kind)
    path = folder_paths.get_full_path(kind, name) if is_listed else None
    if path is None:
        raise ValueError(
            f"no checkpoint '{shorten(name)}' lies in {find_model_folder(kind)}; put it there and refresh (key R)"
        )
    return Path(path)


def find_model_folder(kind: str) -> Path:
    """Return the folder into which weights of one kind of model are downloaded: the first that is registered."""
    return Path(folder_paths.get_folder_paths(kind)[0])


def list_picture_folders() -> list[str]:
    """Return the subfolders of the input folder that hold pictures, as 'input/NAME', and the folder itself, 'input'."""
    home = _find_input()
    try:
        # A link that leads out of the input folder would show what ComfyUI's page does not.
        inside = [path for path in home.iterdir() if Path(os.path.realpath(path)).is_relative_to(home)]
    except OSError:
        inside = []
    return [*sorted(f"{_INPUT}/{path.name}" for path in inside if _holds_pictures(path)), _INPUT]


def find_picture_folder(name: object) -> Path:
    """Return the path of a folder that `list_picture_folders` lists; raise a ValueError for any other value."""
    if not isinstance(name, str) or name not in list_picture_folders():
        raise ValueError(
            f"there are no pictures in '{shorten(name)}'; put them into a folder of {_find_input()}, refresh (key R) "
            "and choose it"
        )
    return _find_input() / name.removeprefix(_INPUT).removeprefix("/")


def _find_input() -> Path:
    return Path(os.path.realpath(folder_paths.get_input_directory()))


def _holds_pictures(folder: Path) -> bool:
    """Return whether there is a picture in a folder, which may be no folder."""
    try:
        return any(path.suffix.lower() in _PICTURES for path in folder.iterdir())
    except OSError:
        return False


def explain_write_error(error: OSError, what: str) -> str:
    """Return the message for an error in writing `what`, such as "the stack 'castle'", with advice."""
    reason = f"{what} cannot be saved in {folder_paths.get_output_directory()} ({error.strerror or error})"
    if error.errno == errno.ENAMETOOLONG:
        return f"{reason}: use a shorter filename_prefix"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}: free some space there, and run again"
    return f"{reason}: make the folder writable, or start ComfyUI with another --output-directory"


EXAMPLES = Path(__file__).resolve().parents[2] / "example_workflows" / "input"
"""The folder of the pictures that are copied. Its subfolder of stacks is read by Load Stack in place."""


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
