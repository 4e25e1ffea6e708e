"""Saves stacks to files, and loads them.

A file is in the safetensors format. Everything that is not a tensor is JSON in its metadata, together with a hash of
the whole file. An ascent from a loaded stack gives the same bits as an ascent from the stack that was saved.

A file may come from an untrusted source. Its version and its hash are checked before its content is used;
`file_content.py` checks the content while it builds the stack.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import Tensor

from ..common.files import write_atomically
from ..common.interruption import pausing
from .file_content import build_stack, describe_stack, name_tensors, rename_older
from .file_spec import DamageError
from .image_stack import ImageStack

FORMAT = "direct ascent stack"
"""The value of `format` in the metadata of a stack file."""

VERSION = 4
"""The version of the format in which files are written. Files of the versions 1 (pictures), 2 (films) and 3 (zooms) are
read, too; some of their parts have other names (`rename_older`)."""

SUFFIX = ".safetensors"
"""The ending of the name of a stack file."""

# A file contains a hash of its whole content. While the hash is computed, these zeros stand where it will be written.
_UNSEALED = "0" * 64


class StackFileError(ValueError):
    """The error for a file that cannot be read, is damaged, or does not describe a stack.

    Its message names the file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import torch
        >>> from safetensors.torch import save_file
        >>> from das_core import load_stack
        >>> from das_core.stack import StackFileError
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "weights.safetensors"
        ...     save_file({"weight": torch.zeros(2)}, path)
        ...     try:
        ...         load_stack(path)
        ...     except StackFileError as error:
        ...         print(error)
        the stack file 'weights.safetensors' holds no stack; choose a file that does
    """


def save_stack(stack: ImageStack, path: Path | str, *, replace: bool = True) -> None:
    """Write a stack to a file, with everything that an ascent needs to continue.

    The file is written whole or not at all: when writing fails, a file that was there before is kept.

    Args:
        stack: the stack to save.
        path: the file, in a folder that exists. `SUFFIX` is the usual ending.
        replace: whether a file of that name is replaced.

    Raises:
        FileExistsError: when there is a file of that name, and it is not to be replaced.
        OSError: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from das_core import ImageStack, StackSpec, load_stack, save_stack
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_stack(stack, Path(folder) / "noise.safetensors")
        ...     loaded = load_stack(Path(folder) / "noise.safetensors")
        >>> loaded.spec == stack.spec, float((loaded.canvas - stack.canvas).abs().max())
        (True, 0.0)
    """
    # Written part by part, because `safetensors.torch.save` makes several copies of everything: for a large stack this
    # takes seconds and gigabytes.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(name_tensors(stack).items())}
    description = json.dumps(describe_stack(stack))
    metadata = {"sha256": _UNSEALED, "format": FORMAT, "version": str(VERSION), "stack": description}
    head = _make_head(tensors, metadata)
    views = [memoryview(tensor.numpy().astype("<f4", copy=False).data).cast("B") for tensor in tensors.values()]
    head = head.replace(_UNSEALED.encode(), _digest([head, *views]).encode(), 1)
    with write_atomically(Path(path), replace=replace) as unfinished, unfinished.open("wb") as file:
        for part in _split([head, *views]):
            file.write(part)


def load_stack(path: Path | str) -> ImageStack:
    """Read a stack from a file that `save_stack` has written.

    Args:
        path: the file.

    Returns:
        The stack, on the CPU.

    Raises:
        StackFileError: when the file cannot be read, is no stack file, has a version that this code does not
            know, or does not match its hash or its own description. It is a ValueError.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from das_core import ImageStack, StackSpec, load_stack, save_stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "grey.safetensors"
        ...     save_stack(ImageStack.gray(StackSpec(width=32, height=24, margin=8), batch=2), path)
        ...     load_stack(path).image().shape
        torch.Size([2, 3, 24, 32])
    """
    path = Path(path)
    try:
        return _read_stack(path)
    except DamageError as error:
        raise StackFileError(f"the stack file '{path.name}' {error}") from None


def _read_stack(path: Path) -> ImageStack:
    """Return the stack in a file, or raise a DamageError that says what is wrong with it."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise DamageError("holds no stack; choose a file that does")
        version = metadata.get("version", "")
        if version not in map(str, range(1, VERSION + 1)):
            raise DamageError(
                f"is of version {version[:20]!r}, and this pack reads up to version {VERSION}: update the pack, or "
                "choose another file"
            )
        content = _read(path)
        # The hash stands in the head of the file. It was computed with `_UNSEALED` in its place.
        seal = metadata.get("sha256", "").encode()
        before, _, after = content[:_LONGEST_HEAD].partition(seal) if len(seal) == len(_UNSEALED) else (b"", b"", b"")
        rest = memoryview(content)[_LONGEST_HEAD:]
        if not before or _digest([before, _UNSEALED.encode(), after, rest]).encode() != seal:
            raise DamageError("is damaged: its content does not match its hash; get it again, or choose another file")
        description, tensors = json.loads(metadata["stack"]), load(content)
        if version != str(VERSION):
            description, tensors = rename_older(description, tensors)
        return build_stack(description, tensors)
    except OSError as error:
        raise DamageError(f"cannot be read ({error.strerror or error}); choose another file") from None
    except SafetensorError as error:
        raise DamageError(f"is damaged, or no stack at all ({error}); get it again, or choose another file") from None
    except DamageError:
        raise
    # ValueError: json raises it for text that is not JSON, and for integers with more than some thousand digits.
    except (KeyError, TypeError, RecursionError, OverflowError, ValueError) as error:
        raise DamageError(f"does not describe a stack ({repr(error)[:200]}); choose another file") from None


_AT_ONCE = 2**27
"""How many bytes are read, hashed or written at once, which takes some tenths of a second."""

_LONGEST_HEAD = 2**20
"""The stored hash is looked for in this many bytes from the beginning of a file. Only these bytes are copied when the
hash is checked; the rest of the file is not."""


def _read(path: Path) -> bytes:
    """Return the content of a file, read in parts; a run can be interrupted between them."""
    content = BytesIO()
    with path.open("rb") as file:
        for part in pausing(iter(lambda: file.read(_AT_ONCE), b"")):
            content.write(part)
    # `getvalue` does not copy: it returns the memory of the buffer.
    return content.getvalue()


def _make_head(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the beginning of a safetensors file of float32 tensors: the length of a JSON header, then this header.

    The format: https://huggingface.co/docs/safetensors. The tensors follow in the order of the mapping.
    """
    entries: dict[str, Any] = {"__metadata__": metadata}
    begin = 0
    for name, tensor in tensors.items():
        end = begin + 4 * tensor.numel()
        entries[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries).encode()
    # Blanks at the end of the header, so that the tensors begin at a multiple of 8 bytes.
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _digest(parts: Iterable[bytes | memoryview]) -> str:
    """Return the SHA-256 of the concatenated parts, in hexadecimal digits."""
    digest = hashlib.sha256()
    for part in _split(parts):
        digest.update(part)
    return digest.hexdigest()


def _split(parts: Iterable[bytes | memoryview]) -> Iterator[memoryview]:
    """Yield the parts in pieces of at most 128 MiB (`_AT_ONCE`); the user can cancel the run before each piece."""
    for part in parts:
        view = memoryview(part)
        yield from pausing(view[begin : begin + _AT_ONCE] for begin in range(0, len(view), _AT_ONCE))
