"""Weights from files and from the net. Files are not trusted: no pickled code ever runs."""

import hashlib
import http.client
import os
import pickle
import struct
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

StateDict = dict[str, Tensor]

# What the readers raise on damaged bytes: they follow lengths, offsets and opcodes before they can know them wrong.
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

_TIMEOUT = 20.0
_BLOCK = 1 << 20
_WRAPPERS = ("state_dict", "model_state_dict", "model", "model_ema", "state_dict_ema")
_PREFIXES = ("module.", "model.", "_orig_mod.")


def read_weights(path: Path) -> StateDict:
    """The tensors of a .safetensors or .pth/.pt/.bin file, by name, without what trainers wrap around them.

    ValueError when the file is damaged, is no checkpoint, or holds pickled code (which is not run).
    """
    if not path.is_file():
        raise ValueError(f"the checkpoint '{path.name}' does not exist")
    try:
        if path.suffix == ".safetensors":
            content = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"'{path.name}' was refused: it is damaged, or holds more than tensors (pickled code can do anything to "
            "a computer and is never run). Get it as .safetensors, or save its state_dict alone"
        ) from error
    except _DAMAGES as error:
        raise ValueError(f"'{path.name}' is damaged, cut off or no checkpoint and cannot be read; get it again") from error
    except OSError as error:
        raise ValueError(f"'{path.name}' cannot be read ({error.strerror or error}); check its permissions") from error
    return _unwrap(content, path)


def _unwrap(content: Any, path: Path) -> StateDict:
    for _ in range(3):
        inner = next((content[k] for k in _WRAPPERS if isinstance(content, Mapping) and k in content), None)
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"'{path.name}' holds no weights; a state_dict (tensors by name) is needed")
    state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    # They are nested in any order: '_orig_mod.module.' and 'module._orig_mod.' both occur.
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def fit_weights(module: nn.Module, state: StateDict, source: str, architecture: str) -> nn.Module:
    """Load weights into a module, all of them; ValueError says which do not fit the architecture."""
    own = module.state_dict()
    # A counter that only training needs; old checkpoints come without it.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unknown = [name for name in state if name not in own]
    shapes = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        wrong = [f"missing {missing[0]}"] if missing else []
        wrong += [f"unknown {unknown[0]}"] if unknown else []
        wrong += shapes[:1]
        raise ValueError(
            f"'{source}' does not fit the architecture {architecture}: {len(missing)} tensors missing, "
            f"{len(unknown)} unknown, {len(shapes)} of another shape ({'; '.join(wrong)}); choose the architecture "
            "it was trained with"
        )
    odd = next((name for name in own if name in state and not _is_plain(state[name])), None)
    if odd:
        raise ValueError(
            f"'{source}' holds tensors that are not plain numbers in memory ({odd} is {state[odd].layout}, "
            f"{state[odd].dtype}); save the model dense and in floating point"
        )
    module.load_state_dict(state, strict=False)
    return module


def _is_plain(value: Tensor) -> bool:
    # Quantised, sparse, complex and meta tensors would be refused by torch, or their values dropped without a word.
    return value.layout == torch.strided and value.device.type == "cpu" and not (value.is_quantized or value.is_complex())


def download(url: str, folder: Path, digest: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """The file of a URL in `folder`, fetched unless it is there; its SHA-256 must begin with `digest`.

    The file appears whole or not at all. `progress` is told the bytes done and the bytes in all; what it raises stops
    the download. ValueError when the net cannot be reached within seconds or the checksum is wrong.
    """
    target = folder / url.rsplit("/", 1)[-1]
    if target.is_file():
        check_digest(target, digest)
        return target
    part = folder / f"{target.name}.{uuid.uuid4().hex[:8]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, progress)
        check_digest(part, digest, target.name)
        os.replace(part, target)
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(
            f"{target.name} could not be downloaded from {url} ({error}); check the connection, or put the file "
            f"into {folder} yourself"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _fetch(url: str, path: Path, progress: Callable[[int, int], None] | None) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, path.open("xb") as file:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else 0
        while block := response.read(_BLOCK):
            file.write(block)
            if progress:
                progress(file.tell(), total)
        if file.tell() < total:
            # The library reads a connection that was cut as if it were the end.
            raise http.client.IncompleteRead(b"", total - file.tell())


def check_reachable(url: str, name: str) -> None:
    """ValueError unless the host of a URL answers within seconds, whatever the answer; `name` is what is wanted of it."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_TIMEOUT):
            pass
    except urllib.error.HTTPError:
        return
    except (OSError, http.client.HTTPException) as error:
        raise ValueError(f"{name} could not be downloaded ({error}); check the connection") from error


def check_digest(path: Path, digest: str, name: str | None = None) -> None:
    """ValueError unless the SHA-256 of a file begins with `digest` (hexadecimal)."""
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if not actual.startswith(digest):
        raise ValueError(
            f"'{name or path.name}' is not the file it should be (SHA-256 begins {actual[:8]}, not {digest[:8]}); "
            "delete it and get it again"
        )
