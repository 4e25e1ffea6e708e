"""Reads weights from files and loads them into modules; files are not trusted, and no code in them is ever run."""

import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ...common.interruption import allow_interrupt
from ...common.text import shorten
from .weight_claims import RefusedError, check_archive, check_claims, is_archive


class StateDict(dict[str, Tensor]):
    """Tensors by name, and the version of each module that the tensors were saved from.

    In PyTorch every class of modules has a version number. A module that loads tensors of an older version converts
    them.

    Args:
        tensors: the tensors by name.
        versions: the version of each module by the module's name; '' is the whole model.
    """

    def __init__(self, tensors: Mapping[str, Tensor], versions: Mapping[str, int]) -> None:
        super().__init__(tensors)
        self.versions = dict(versions)
        # `load_state_dict` looks for the versions in this attribute.
        self._metadata = {name: {"version": version} for name, version in versions.items()}


# The errors that readers raise for damaged bytes. There are many kinds, because readers follow lengths, offsets and
# opcodes before they can tell that these are wrong.
_DAMAGES = (
    safetensors.SafetensorError,
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)
_WRAPPERS = ("state_dict", "model_state_dict", "model", "model_ema", "state_dict_ema")
_PREFIXES = ("module.", "model.", "_orig_mod.")


def read_weights(path: Path) -> StateDict:
    """Return the tensors of a checkpoint file, by name.

    Two things that training scripts add are removed: a dictionary around the tensors ('state_dict', 'model' and
    others), and a prefix that all names have ('module.', 'model.', '_orig_mod.').

    Args:
        path: a .safetensors file, or one that torch has saved (.pth, .pt, .bin).

    Raises:
        ValueError: when the file is missing, unreadable, damaged, a compressed archive or not a checkpoint, when it
            contains pickled code or a program (neither is run), or when its tensors would take far more memory than the
            file (see `weight_claims`).
    """
    allow_interrupt()
    try:
        if not path.is_file():
            raise RefusedError(f"there is no checkpoint file '{path.name}'; choose one that exists")
        content = safetensors.torch.load_file(path) if path.suffix == ".safetensors" else _load_pickle(path)
    except RefusedError:
        raise
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"'{path.name}' was refused: it is damaged, or holds more than tensors (pickled code can do anything to "
            "a computer and is never run). Get it as .safetensors, or save its state_dict alone"
        ) from error
    except _DAMAGES as error:
        raise ValueError(
            f"'{path.name}' cannot be read: it is damaged, cut off or no checkpoint; get it again"
        ) from error
    except OSError as error:
        raise ValueError(f"'{path.name}' cannot be read ({error.strerror or error}); check its permissions") from error
    state = _unwrap(content, path)
    allow_interrupt()
    check_claims(state, path)
    return state


def _load_pickle(path: Path) -> Any:
    """Return the content of a file that torch has saved; no code in it is run."""
    mapped = is_archive(path)
    if mapped:
        check_archive(path)
    # Mapped into memory, a tensor cannot reach beyond the file. Without mapping, torch would allocate as much memory as
    # the file claims. Torch can map only archives, not files in its older format.
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _unwrap(content: Any, path: Path) -> StateDict:
    """Return the tensors in the content of a checkpoint file; raise a ValueError when it has none."""
    # Up to three dictionaries around the tensors are removed.
    for _ in range(3):
        inner = next((content[k] for k in _WRAPPERS if isinstance(content, Mapping) and k in content), None)
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"'{path.name}' holds no weights; a state_dict (tensors by name) is needed")
    state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    versions = _read_versions(getattr(content, "_metadata", None))
    # Prefixes follow each other in any order: both '_orig_mod.module.' and 'module._orig_mod.' occur.
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
        # Unlike the name of a tensor, the name of a module may be the whole prefix without its last dot. So a dot is
        # added for the comparison, and removed again by `[:-1]`.
        versions = {f"{n}.".removeprefix(prefix)[:-1]: v for n, v in versions.items() if f"{n}.".startswith(prefix)}
    return StateDict(state, versions)


def _read_versions(metadata: Any) -> dict[str, int]:
    """Return the versions of modules by name; `metadata` comes from a checkpoint and may be of any type."""
    parts = metadata.items() if isinstance(metadata, Mapping) else ()
    versions = {str(name): part.get("version") for name, part in parts if isinstance(part, Mapping)}
    return {name: version for name, version in versions.items() if isinstance(version, int)}


def fit_weights(module: nn.Module, state: Mapping[str, Tensor], source: str, architecture: str) -> nn.Module:
    """Load weights into a module; they must be exactly the tensors of the module, with the right shapes.

    Only the counters `num_batches_tracked` may be missing.

    Args:
        module: the module, changed in place.
        state: the tensors by the module's names. If it is a `StateDict`, its versions tell PyTorch which tensors were
            saved by an older version of their module; PyTorch converts those.
        source: what messages call the file of weights.
        architecture: what messages call the architecture.

    Returns:
        The same module.

    Raises:
        ValueError: when tensors are missing, unknown or of another shape (the message counts them and names some), or
            when a tensor is sparse, quantised, complex or not on the CPU.
    """
    odd = next((name for name, value in state.items() if not is_plain(value)), None)
    if odd:
        raise ValueError(
            f"'{source}' holds tensors that are not plain numbers in memory ({shorten(odd)} is {state[odd].layout}, "
            f"{state[odd].dtype}); save the model dense and in floating point"
        )
    own = {name: value.shape for name, value in module.state_dict().items()}
    shapes = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(shape)}"
        for name, shape in own.items()
        if name in state and state[name].shape != shape
    ]
    # A checkpoint that does not contain the version of the whole model counts as saved by the current version.
    versions = {"": module._version} | _read_versions(getattr(state, "_metadata", None))
    # Copying the weights of a large model takes seconds, during which a run may be cancelled.
    hooks = [part.register_load_state_dict_pre_hook(lambda *_: allow_interrupt()) for part in module.modules()]
    try:
        # Not strict: modules rename tensors of older versions while they load them. Missing and unknown names are
        # checked afterwards.
        missing, unknown = module.load_state_dict(StateDict(state, versions), strict=False)
        wrong = []
    except RuntimeError as error:
        # Raised for wrong shapes; the missing and unknown names are then not returned, so they are found here.
        missing = [name for name in own if name not in state]
        unknown = [name for name in state if name not in own]
        wrong = shapes[:1] or [shorten(str(error), 200)]
    finally:
        for hook in hooks:
            hook.remove()
    # `num_batches_tracked` is a counter that only training needs; old checkpoints do not contain it.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    wrong += [f"{kind} {shorten(names[0])}" for kind, names in (("missing", missing), ("unknown", unknown)) if names]
    if wrong:
        raise ValueError(
            f"'{source}' does not fit the architecture {architecture}: {len(missing)} tensors missing, "
            f"{len(unknown)} unknown, {len(shapes)} of another shape ({'; '.join(wrong)}); choose the architecture "
            "it was trained with"
        )
    return module


def is_plain(value: Tensor) -> bool:
    """Return whether a tensor is dense, on the CPU, and neither quantised nor complex.

    Args:
        value: a tensor of a checkpoint.
    """
    # Of quantised, sparse, complex and meta tensors, torch refuses some when it loads them into a module, and changes
    # the values of others.
    dense = value.layout == torch.strided and value.device.type == "cpu"
    return dense and not value.is_quantized and not value.is_complex()
