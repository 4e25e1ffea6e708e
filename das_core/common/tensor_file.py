"""Writes files in the format of safetensors (the length of a header of JSON, the header, and the numbers), and computes
digests of tensors."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # By their bytes.
_digests: WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], str]] = WeakKeyDictionary()


def write_tensor_file(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors, of types that NumPy has, and texts to a file. The writer of safetensors makes another file beside
    it first, which a process that is killed leaves behind, and says no error number when the disk is full."""
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    # The largest numbers first, so that all lie at multiples of their size.
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        kind = "BOOL" if array.dtype.kind == "b" else f"{array.dtype.kind.upper()}{8 * array.itemsize}"
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.data)


def digest_module(module: nn.Module) -> str | None:
    """Return the SHA-256 of the weights of a module, kept until they change; None for weights without plain numbers."""
    weights = {name: weight.detach() for name, weight in module.state_dict().items() if isinstance(weight, Tensor)}
    try:
        # A change in place alters the sum of the bits, which takes much less time than the digest.
        bits = [weight.flatten().view(_INTEGERS[weight.itemsize]).sum() for weight in weights.values()]
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
