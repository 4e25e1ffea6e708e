"""Compares the size that a checkpoint file claims for its tensors with the size of the file, before using the tensors.

A file of a few bytes can claim gigabytes in three ways: a tensor repeats one value (stride 0); a tensor reaches beyond
its storage; or the file is a compressed archive whose entries unpack to a thousand times their size.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...common.text import shorten


class RefusedError(ValueError):
    """The error for a file that is missing, or is refused although it is not damaged.

    `read_weights` passes this error on unchanged.
    """


_ZIP = b"PK\x03\x04"

_MOST_REPEATED = 4
_ALWAYS_ALLOWED = 2**26
"""The tensors of a file may claim at most four times the size of the file, plus 64 MiB. They may claim more than the
file has, because tensors that share memory are stored once, but each of them is counted."""


def is_archive(path: Path) -> bool:
    """Return whether a checkpoint that torch has saved is a zip archive, as torch 1.6 and later save them.

    Raises:
        OSError: when the file cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


def check_archive(path: Path) -> None:
    """Raise an error when a zip archive holds a program, or could unpack to more bytes than the archive has.

    The archives that `torch.save` writes are not compressed, so they pass.

    Args:
        path: a checkpoint for which `is_archive` is true.

    Raises:
        RefusedError: when the archive is a TorchScript program, when an entry is compressed, or when all entries
            together are larger than the file. This error is a ValueError.
        zipfile.BadZipFile: when the archive is damaged.
        OSError: when the file cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    # Torch recognises a TorchScript program by this entry.
    if any(entry.filename.partition("/")[2] == "constants.pkl" for entry in entries):
        raise RefusedError(
            f"'{path.name}' was refused: it is a TorchScript archive, a program with its weights, and no program of a "
            "file is run here. Get the weights alone, as .safetensors"
        )
    compressed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if compressed or sum(entry.file_size for entry in entries) > path.stat().st_size:
        name = shorten(compressed.filename if compressed else "its entries overlap")
        raise RefusedError(
            f"'{path.name}' was refused: it is a compressed archive ({name}), which could unpack to any size, and "
            "torch saves none; save its state_dict with torch.save, or as .safetensors"
        )


def check_claims(state: Mapping[str, Tensor], path: Path) -> None:
    """Raise an error when the tensors of a file are together much larger than the file.

    Args:
        state: the tensors of the file by name.
        path: the file.

    Raises:
        RefusedError: when the tensors together claim more than four times the size of the file plus 64 MiB; the message
            names the largest tensor.
    """
    sizes = {name: value.numel() * value.element_size() for name, value in state.items() if _is_in_memory(value)}
    held = path.stat().st_size
    if sum(sizes.values()) > _MOST_REPEATED * held + _ALWAYS_ALLOWED:
        largest = max(sizes, key=lambda name: sizes[name])
        raise RefusedError(
            f"'{path.name}' was refused: its tensors would take {sum(sizes.values()) / 2**30:.1f} GiB, and the file "
            f"has {held / 2**20:.1f} MiB ({shorten(largest)} is named as {tuple(state[largest].shape)}); save the "
            "model with contiguous tensors"
        )


def _is_in_memory(value: Tensor) -> bool:
    """Return whether a tensor is dense and on the CPU; only then does its shape tell its size in memory."""
    return value.layout == torch.strided and value.device.type == "cpu"
