"""The file that keeps the fitted projection of a starter CLIP, so that it is fitted once and not in every process.

The file is not trusted: its projection is used only if its key is the digest of the models and settings that are used
now, and if its shape, type and SHA-256 are right. Otherwise the projection is fitted again.
"""

import hashlib
import logging
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from ...common.files import write_atomically

_LOG = logging.getLogger(__name__)

KEPT = "starter_clip_"
"""The beginning of the name of every file with a fitted projection, which lists of model files leave out."""

PROJECTION = "text.proj.weight"
"""The name of the projection in the file and in the model."""

_LARGEST_HEADER = 2**16
"""The most bytes that a file may have besides the projection; files that are written here have a few hundred."""

# The errors that are raised when the file is damaged, or is some other file.
_DAMAGES = (safetensors.SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError)


def find_cache_folder() -> Path:
    """Return the user's folder for files that are kept between processes, usually ~/.cache/torch/hub/direct_ascent."""
    return Path(torch.hub.get_dir(), "direct_ascent")


def place_projection(folder: Path | None, architecture: str) -> Path:
    """Return the path of the file in a folder; None for `find_cache_folder`."""
    return (folder or find_cache_folder()) / f"{KEPT}{architecture}.safetensors"


def read_projection(path: Path, key: str, shape: torch.Size) -> Tensor | None:
    """Return the projection of this shape that was kept in a file with this key; None if the file has none."""
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > shape.numel() * torch.float32.itemsize + _LARGEST_HEADER:
            raise ValueError("too large")
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("key") != key:
                return None
            projection: Tensor = file.get_tensor(PROJECTION)
        if projection.shape != shape or projection.dtype is not torch.float32:
            raise ValueError(f"{tuple(projection.shape)} of {projection.dtype}, not {tuple(shape)} of torch.float32")
        if _digest(projection) != metadata.get("sha256"):
            raise ValueError("its numbers are not those that were written")
    except _DAMAGES as error:
        _LOG.warning("%s cannot be used (%s) and is made anew", path, error)
        return None
    return projection


def write_projection(path: Path, key: str, projection: Tensor) -> None:
    """Keep a projection (D, E) in a file with a key; if that fails, only a warning is logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            safetensors.torch.save_file({PROJECTION: projection}, part, {"key": key, "sha256": _digest(projection)})
    except (OSError, ValueError, safetensors.SafetensorError) as error:  # ValueError: the path is a folder
        _LOG.warning("%s could not be kept (%s); it will be made anew next time", path, error)


def _digest(projection: Tensor) -> str:
    """Return the SHA-256 of the numbers of a projection."""
    return hashlib.sha256(projection.contiguous().numpy().tobytes()).hexdigest()
