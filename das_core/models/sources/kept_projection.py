"""The file that keeps the fitted projection of a starter CLIP, so that it is fitted once and not in every process.

The file is not trusted. Its projection is used only if three conditions hold: the key in the file is the digest of the
models and settings that are used now; the SHA-256 in the file is that of the projection; and the projection has the
right shape and type, finite entries, and no row or column of zeros. Otherwise the projection is fitted again.
"""

import hashlib
import logging
from pathlib import Path
from typing import Literal

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ...common.files import write_atomically

_LOG = logging.getLogger(__name__)

KEPT = "starter_clip_"
"""The beginning of the name of every file with a fitted projection. Lists of model files leave these files out, because
they cannot be loaded as models."""

PROJECTION = "text.proj.weight"
"""The name of the projection in the file and in the model."""

_LARGEST_HEADER = 2**16
"""The most bytes that a file may have besides the projection; files that are written here have a few hundred."""

# The errors that are raised when the file is damaged, or is some other file.
_DAMAGES = (safetensors.SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError)


def find_cache_folder() -> Path:
    """Return the user's folder for files that are kept between processes: `direct_ascent` in the folder of torch.hub.

    This is `~/.cache/torch/hub/direct_ascent`, unless TORCH_HOME, XDG_CACHE_HOME or `torch.hub.set_dir` leads to
    another place. The folder need not exist.

    Example:
        >>> from das_core.models.sources.kept_projection import find_cache_folder
        >>> find_cache_folder().parts[-2:]
        ('hub', 'direct_ascent')
    """
    return Path(torch.hub.get_dir(), "direct_ascent")


def place_projection(folder: Path | Literal["auto"] | None, architecture: str) -> Path | None:
    """Return the path of the file for the fitted projection of a starter CLIP; None if there is to be no file.

    Args:
        folder: the folder of the file; `auto` for the folder that `find_cache_folder` returns; None for no file.
        architecture: the architecture of the image tower, which becomes a part of the name of the file.
    """
    if folder is None:
        return None
    return (find_cache_folder() if folder == "auto" else Path(folder)) / f"{KEPT}{architecture}.safetensors"


def read_projection(path: Path | None, key: str, shape: torch.Size) -> Tensor | None:
    """Return the fitted projection of a starter CLIP from a file; None if the file has none that can be used.

    Args:
        path: the file; None if there is no file.
        key: a digest of everything that the projection depends on. A projection that was kept with another key is not
            used.
        shape: the shape that the projection must have, (D, E): D is the width of the embeddings of the CLIP, E that of
            the embeddings of its sentence encoder.
    """
    if path is None:
        return None
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
        _check(projection, shape, metadata.get("sha256"))
    except _DAMAGES as error:
        _LOG.warning("%s cannot be used (%s) and is made anew", path, error)
        return None
    return projection


def write_projection(path: Path | None, key: str, projection: Tensor) -> None:
    """Write the fitted projection of a starter CLIP to a file; if that fails, only a warning is logged.

    Args:
        path: the file, whose folder is created if it is missing; None to write nothing.
        key: a digest of everything that the projection depends on.
        projection: (D, E), float32: D is the width of the embeddings of the CLIP, E that of the embeddings of its
            sentence encoder.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            safetensors.torch.save_file({PROJECTION: projection}, part, {"key": key, "sha256": _digest(projection)})
    except (OSError, ValueError, safetensors.SafetensorError) as error:  # ValueError: the path is a folder
        _LOG.warning("%s could not be kept (%s); it will be made anew next time", path, error)


def _check(projection: Tensor, shape: torch.Size, digest: str | None) -> None:
    """Raise a ValueError unless a tensor read from a file can be used as a projection."""
    if projection.shape != shape or projection.dtype is not torch.float32:
        raise ValueError(f"{tuple(projection.shape)} of {projection.dtype}, not {tuple(shape)} of torch.float32")
    if not bool(projection.isfinite().all()):
        raise ValueError("not all of its numbers are finite")
    # A fit has no row and no column of zeros.
    if not bool(projection.any(dim=0).all() and projection.any(dim=1).all()):
        raise ValueError("a part of it is all zeros")
    if _digest(projection) != digest:
        raise ValueError("its numbers are not those that were written")


def _digest(projection: Tensor) -> str:
    """Return the SHA-256 of the numbers of a projection."""
    return hashlib.sha256(projection.contiguous().numpy().tobytes()).hexdigest()
