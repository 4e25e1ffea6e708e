"""Reads weights from files and loads them into modules; files are not trusted, and no code in them is ever run.

A file of a few bytes can claim gigabytes: a tensor repeats one value (stride 0) or reaches beyond its storage, or the
file is a compressed archive. So the size that its tensors claim is compared with the size of the file.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from ...common.interruption import allow_interrupt, is_cancellation
from ...common.text import shorten


class RefusedError(ValueError):
    """The error for a file that is missing, or is refused although it is not damaged."""


_MOST_NESTED = 4  # How deep the dictionaries of a checkpoint are read.

_MOST_REPEATED, _ALWAYS_ALLOWED = 4, 2**26
"""The tensors of a file may claim at most four times the size of the file, plus 64 MiB. They may claim more than the
file has, because tensors that share memory are stored once, but each of them is counted."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, or of one that torch has saved; dots join names in dictionaries."""
    allow_interrupt()
    try:
        if not path.is_file():
            raise RefusedError(f"there is no checkpoint file '{path.name}'; choose one that exists")
        content = _READERS.get(path.suffix, _load_pickle)(path)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"'{path.name}' was refused: it is damaged, or holds more than tensors (pickled code can do anything to "
            "a computer and is never run). Get it as .safetensors, or save its state_dict alone"
        ) from error
    except OSError as error:
        raise ValueError(f"'{path.name}' cannot be read ({error.strerror or error}); check its permissions") from error
    # For damaged bytes readers raise errors of any kind: they follow lengths and offsets before they can check them.
    except Exception as error:
        if isinstance(error, RefusedError):
            raise
        raise ValueError(
            f"'{path.name}' cannot be read: it is damaged, cut off or no checkpoint; get it again"
        ) from error
    state = dict(_flatten({"": content} if isinstance(content, Tensor) else content))
    if not state:
        raise ValueError(f"'{path.name}' holds no weights; a state_dict (tensors by name) is needed")
    # It has no shape, so nothing could be asked of it.
    if nested := [shorten(name) for name, value in state.items() if value.is_nested]:
        raise ValueError(f"'{path.name}' holds a nested tensor ({nested[0]}) and needs dense ones; save it dense")
    allow_interrupt()
    _check_claims(state, path)
    return state


def _load_pickle(path: Path) -> Any:
    """Return the content of a file that torch has saved; no code in it is run."""
    with path.open("rb") as file:
        is_archive = file.read(4) == b"PK\x03\x04"
    if is_archive:
        _check_archive(path)
    # Mapped into memory, a tensor cannot reach beyond the file or take more than it; torch can map only archives.
    return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)


def _load_array(path: Path) -> Tensor:
    """Return the tensor of a file that NumPy has saved; mapped into memory, it cannot take more than the file."""
    return torch.from_numpy(np.load(path, mmap_mode="r", allow_pickle=False).astype(np.float32, casting="same_kind"))


_READERS: dict[str, Callable[[Path], Any]] = {".safetensors": safetensors.torch.load_file, ".npy": _load_array}


def _check_archive(path: Path) -> None:
    """Refuse an archive that is a program, which torch before 2.6 would run, or that could unpack to any size."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    # Torch recognises a TorchScript program by this entry.
    if any(entry.filename.partition("/")[2] == "constants.pkl" for entry in entries):
        raise RefusedError(
            f"'{path.name}' was refused: it is a TorchScript archive, a program with its weights, and no program of a "
            "file is run here. Get the weights alone, as .safetensors"
        )
    compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if compressed or sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise RefusedError(
            f"'{path.name}' was refused: it is a compressed archive, or its entries overlap, so that it could unpack "
            "to any size, and torch saves none; save its state_dict with torch.save, or as .safetensors"
        )


def _check_claims(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a file whose tensors are together much larger than the file."""
    sizes = {name: value.numel() * value.element_size() for name, value in state.items() if is_plain(value)}
    held = path.stat().st_size
    if sum(sizes.values()) > _MOST_REPEATED * held + _ALWAYS_ALLOWED:
        largest = max(sizes, key=lambda name: sizes[name])
        raise RefusedError(
            f"'{path.name}' was refused: its tensors would take {sum(sizes.values()) / 2**30:.1f} GiB, and the file "
            f"has {held / 2**20:.1f} MiB ({shorten(largest)} is named as {tuple(state[largest].shape)}); save the "
            "model with contiguous tensors"
        )


def _flatten(content: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Yield the names and tensors of nested dictionaries."""
    for key, value in content.items() if isinstance(content, Mapping) else ():
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping) and depth < _MOST_NESTED:
            yield from _flatten(value, f"{prefix}{key}.", depth + 1)


def fit_weights(module: nn.Module, state: Mapping[str, Tensor], source: str, architecture: str) -> nn.Module:
    """Load weights, which messages call `source`, into a module, and return it; they must be exactly its tensors."""
    check_plain(state, source, {name for name, value in module.state_dict().items() if value.is_floating_point()})
    # The whole model has the current version and its parts the oldest: norms without counters are converted.
    versioned = OrderedDict(state)
    versioned._metadata = {"": {"version": module._version}}  # type: ignore[attr-defined]
    # Copying the weights of a large model takes seconds, during which a run may be cancelled.
    hooks = [part.register_load_state_dict_pre_hook(lambda *_: allow_interrupt()) for part in module.modules()]
    try:
        module.load_state_dict(versioned)
    except RuntimeError as error:
        if is_cancellation(error):
            raise
        raise ValueError(
            f"'{source}' does not fit the architecture {architecture} ({shorten(str(error).partition(':')[2], 300)}); "
            "choose the architecture it was trained with"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return module


class UndrawnWeights(TorchFunctionMode):
    """A context for building modules faster: their random weights, which `fit_weights` replaces, are not drawn."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in (init.normal_, init.uniform_, init.kaiming_uniform_):
            return args[0] if args else given["tensor"]
        if func in (Tensor.normal_, Tensor.uniform_):
            # Filled, for `init.trunc_normal_` draws again until all values are within its bounds.
            return args[0].fill_(args[1] if len(args) > 1 else given.get("mean", given.get("from", 0.0)))
        return func(*args, **given)


def check_plain(state: Mapping[str, Tensor], source: str, floating: Container[str] = ()) -> None:
    """Raise a ValueError when a tensor of what messages call `source` is not plain, or one of `floating` holds whole
    numbers: those of a quantised model, which mean others, would be copied into weights as they are."""
    odd = next((k for k, v in state.items() if not is_plain(v) or (k in floating and not v.is_floating_point())), None)
    if odd is not None:
        raise ValueError(
            f"'{source}' holds tensors that are not plain numbers in memory ({shorten(odd or 'all')} is "
            f"{state[odd].layout}, {state[odd].dtype}, on {state[odd].device}); save the model dense and in floating "
            "point"
        )


def is_plain(value: Tensor) -> bool:
    """Return whether a tensor is dense, on the CPU, and neither quantised nor complex."""
    dense = value.layout == torch.strided and value.device.type == "cpu"
    return dense and not value.is_quantized and not value.is_complex()
