"""ComfyUI's folders of models and its output folder."""

import errno
import logging
import os
from pathlib import Path

import folder_paths

from ...das_core.common.text import shorten

CLASSIFIERS = "classifiers"
"""The kind of model under which image classifiers are registered with ComfyUI; also the name of their folder."""

CLIPS = "open_clip"
"""The kind of model under which this pack's CLIPs are registered with ComfyUI; also the name of their folder."""

FITTED = "starter_clip"
"""The kind of model under which a folder for fitted projections can be registered, see `find_fitted_folder`."""

_LOG = logging.getLogger(__name__)

_WEIGHTS = {".safetensors", ".pth", ".pt", ".bin"}


def register_folders() -> None:
    """Register the folders of classifiers and CLIPs with ComfyUI, and the file extensions of the checkpoints in them.

    Missing folders are created, so that users find a place for their files after the first start. Paths and extensions
    that ComfyUI or another pack has registered for the same kinds of model are kept.
    """
    for kind in (CLASSIFIERS, CLIPS):
        folder = os.path.join(folder_paths.models_dir, kind)
        folder_paths.add_model_folder_path(kind, folder)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            # For example, the disk is read-only. Models can still be loaded from other folders.
            _LOG.warning("the folder %s cannot be made (%s)", folder, error.strerror or error)
        paths, extensions = folder_paths.folder_names_and_paths[kind]
        folder_paths.folder_names_and_paths[kind] = (paths, set(extensions) | _WEIGHTS)


def list_model_files(kind: str) -> list[str]:
    """Return the names of the checkpoints in ComfyUI's folders of one kind of model.

    Args:
        kind: `CLASSIFIERS` or `CLIPS`.

    Returns:
        Paths, each relative to the folder of this kind that it lies in, in alphabetical order. The list is empty if
        ComfyUI cannot read one of the folders, for example because its drive is gone.
    """
    try:
        return [str(name) for name in folder_paths.get_filename_list(kind)]
    except OSError as error:
        # No error is raised, because the nodes that list these files must still load.
        _LOG.warning("the folders of %s cannot be listed (%s)", kind, error)
        return []


def find_model_file(kind: str, name: str) -> Path:
    """Return the path of a checkpoint.

    Args:
        kind: `CLASSIFIERS` or `CLIPS`.
        name: one of the names that `list_model_files` returns for this kind.

    Raises:
        ValueError: when `name` is not one of these names, even if a file has that path.
    """
    path = folder_paths.get_full_path(kind, name) if name in list_model_files(kind) else None
    if path is None:
        raise ValueError(
            f"no checkpoint '{shorten(name)}' lies in {find_model_folder(kind)}; put it there and refresh (key R)"
        )
    return Path(path)


def find_model_folder(kind: str) -> Path:
    """Return the folder into which weights of one kind of model are downloaded: the first one registered for the kind.

    Args:
        kind: `CLASSIFIERS` or `CLIPS`.
    """
    return Path(folder_paths.get_folder_paths(kind)[0])


def find_fitted_folder() -> Path:
    """Return the folder for the fitted projections of starter CLIPs: linear maps that `load_starter_clip` computes.

    It is the first folder that is registered for the kind `FITTED`, by extra_model_paths.yaml or by the program that
    runs the nodes. If no folder is registered, it is the folder into which CLIPs are downloaded. There the projections
    are kept as long as the downloaded models are, even if ComfyUI runs in a container.
    """
    registered, _ = folder_paths.folder_names_and_paths.get(FITTED, ([], set()))
    return Path(registered[0]) if registered else find_model_folder(CLIPS)


def explain_write_error(error: OSError, what: str) -> str:
    """Return the message for an error in writing a file: what went wrong, and what the user can do.

    Args:
        error: the error that the system raised.
        what: what was to be saved, such as "the stack 'castle'".
    """
    reason = f"{what} cannot be saved in {folder_paths.get_output_directory()} ({error.strerror or error})"
    if error.errno == errno.ENAMETOOLONG:
        return f"{reason}: use a shorter filename_prefix"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}: free some space there, and run again"
    return f"{reason}: make the folder writable, or start ComfyUI with another --output-directory"
