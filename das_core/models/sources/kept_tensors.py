"""Files that keep what took long to compute, such as the embeddings of many words, between processes.

A file is not trusted: its tensors are used only if its key is the digest of all that they depend on now, and if their
names, shapes, types and SHA-256 are right.
"""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

import safetensors
import torch
from torch import Tensor, nn

from ...common.files import write_atomically
from ...common.tensor_file import write_tensor_file

_LOG = logging.getLogger(__name__)

WORDS = "words_"  # The beginning of the names of files.
_LARGEST_HEADER = 2**16  # The most bytes of a file besides the numbers and 256 a tensor; it has a few hundred.

_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # By their bytes.
_digests: WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], str]] = WeakKeyDictionary()

# The errors that are raised when the file is damaged, or is some other file.
_DAMAGES = (safetensors.SafetensorError, OSError, RuntimeError, ValueError, LookupError, TypeError)


def find_cache_folder() -> Path:
    """Return the user's folder for files that are kept between processes, usually ~/.cache/torch/hub/direct_ascent."""
    return Path(torch.hub.get_dir(), "direct_ascent")


def read_tensors(
    path: Path, key: str, shapes: Mapping[str, torch.Size], dtype: torch.dtype = torch.float32
) -> dict[str, Tensor] | None:
    """Return the tensors of these names, shapes and type that were kept with this key; None if there are none."""
    try:
        if not path.is_file():
            return None
        expected = sum(shape.numel() * dtype.itemsize + 256 for shape in shapes.values())
        if path.stat().st_size > expected + _LARGEST_HEADER:
            raise ValueError("too large")
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("key") != key:
                return None
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in shapes}
        for name, tensor in tensors.items():
            if tensor.shape != shapes[name] or tensor.dtype is not dtype:
                raise ValueError(f"{tuple(tensor.shape)} of {tensor.dtype}, not {tuple(shapes[name])} of {dtype}")
        if digest_tensors(tensors) != metadata.get("sha256"):
            raise ValueError("its numbers are not those that were written")
    except _DAMAGES as error:
        _LOG.warning("%s cannot be used (%s) and is made anew", path, error)
        return None
    return tensors


def write_tensors(path: Path, key: str, tensors: Mapping[str, Tensor]) -> None:
    """Keep tensors in a file with a key; if that fails, only a warning is logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as part:
            write_tensor_file(part, tensors, {"key": key, "sha256": digest_tensors(tensors)})
    except (OSError, ValueError) as error:  # ValueError: the path is a folder
        _LOG.warning("%s could not be kept (%s); it will be made anew next time", path, error)


def digest_module(module: nn.Module) -> str | None:
    """Return the SHA-256 of the weights of a module, kept until they change; None for weights without plain numbers."""
    weights = {name: weight.detach() for name, weight in module.state_dict().items() if isinstance(weight, Tensor)}
    try:
        # A change in place alters the sum of the bits, which takes much less time than the digest.
        bits = [weight.flatten().view(_WORDS[weight.itemsize]).sum() for weight in weights.values()]
        state = tuple(torch.stack(bits).tolist()) if bits else ()
        if module not in _digests or _digests[module][0] != state:
            _digests[module] = state, digest_tensors(weights)
    except (RuntimeError, LookupError, TypeError):  # Quantised, sparse or without numbers.
        return None
    return _digests[module][1]


def digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names and bytes of tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
