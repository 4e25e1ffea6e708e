"""The kept projection of a starter CLIP: what is read is what was written, whoever else has been at the file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cases import each_case
from das_core.models.sources.kept_projection import (
    PROJECTION,
    find_cache_folder,
    place_projection,
    read_projection,
    write_projection,
)

SHAPE = torch.Size([12, 5])
MATRIX = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))


def keep(folder: Path) -> Path:
    """Keep a projection in a folder, and return its file."""
    path = folder / "starter_clip_tower.safetensors"
    write_projection(path, "key", MATRIX)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a projection that was kept."""
    return keep(tmp_path)


def read_metadata(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, "pt") as file:
        return dict(file.metadata())


def test_what_is_read_is_what_was_written(path: Path) -> None:
    found = read_projection(path, "key", SHAPE)
    assert found is not None
    assert torch.equal(found, MATRIX)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_nothing_is_found_where_nothing_was_kept_for_these_models(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_projection(None, "key", SHAPE) is None
    assert read_projection(path.with_name("other.safetensors"), "key", SHAPE) is None
    assert read_projection(path, "another key", SHAPE) is None
    write_projection(None, "key", MATRIX)
    assert not caplog.text


def forge(make: Callable[[Tensor], dict[str, Tensor]], *, honest: bool = False) -> Callable[[Path], object]:
    """Other tensors under the metadata of the file, or under metadata that fit them."""

    def write(path: Path) -> None:
        metadata, tensors = read_metadata(path), make(MATRIX.clone())
        if honest:
            write_projection(path, "key", tensors[PROJECTION])
        else:
            safetensors.torch.save_file(tensors, path, metadata)

    return write


def set_number(matrix: Tensor, value: float) -> Tensor:
    matrix[3, 2] = value
    return matrix


def blank(matrix: Tensor, *index: Any) -> Tensor:
    matrix[index] = 0
    return matrix


def with_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def turn_into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": with_bytes(lambda content: content[:-20]),
    "longer": with_bytes(lambda content: content + b"more"),
    "garbage": with_bytes(lambda content: b"\xff" * 5000),
    "empty": with_bytes(lambda content: b""),
    "large header": with_bytes(lambda content: (2**40).to_bytes(8, "little") + content[8:]),
    "one bit": with_bytes(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "end lost": with_bytes(lambda content: content[:-40] + bytes(40)),
    "gigabytes": lambda path: os.truncate(path, 2**32),
    "folder": turn_into_folder,
    "other name": forge(lambda matrix: {"weight": matrix}),
    "smaller": forge(lambda matrix: {PROJECTION: matrix[:5].clone()}, honest=True),
    "turned": forge(lambda matrix: {PROJECTION: matrix.T.contiguous()}, honest=True),
    "flat": forge(lambda matrix: {PROJECTION: matrix.flatten()}, honest=True),
    "half": forge(lambda matrix: {PROJECTION: matrix.half()}, honest=True),
    "whole numbers": forge(lambda matrix: {PROJECTION: matrix.int()}, honest=True),
    "zeros": forge(lambda matrix: {PROJECTION: matrix * 0}, honest=True),
    "a row of zeros": forge(lambda matrix: {PROJECTION: blank(matrix, 3)}, honest=True),
    "a column of zeros": forge(lambda matrix: {PROJECTION: blank(matrix, slice(None), 4)}, honest=True),
    "nan": forge(lambda matrix: {PROJECTION: set_number(matrix, torch.nan)}, honest=True),
    "infinite": forge(lambda matrix: {PROJECTION: set_number(matrix, -torch.inf)}, honest=True),
    "other numbers": forge(lambda matrix: {PROJECTION: -matrix}),
    "no digest": lambda path: safetensors.torch.save_file({PROJECTION: MATRIX.clone()}, path, {"key": "key"}),
}


@each_case("damage", DAMAGES)
def test_what_is_not_what_was_written_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = keep(tmp_path)
    DAMAGES[damage](path)
    assert read_projection(path, "key", SHAPE) is None
    assert damage == "folder" or f"{path} cannot be used" in caplog.text
    # It is kept anew, but for a folder, which nobody deletes.
    write_projection(path, "key", MATRIX)
    assert (read_projection(path, "key", SHAPE) is not None) == (damage != "folder")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_said_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "starter_clip_tower.safetensors"
    assert read_projection(path, "key", SHAPE) is None
    write_projection(path, "key", MATRIX)
    assert f"{path} could not be kept" in caplog.text


def test_the_folder_is_that_of_the_user_or_one_that_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "starter_clip_tower.safetensors"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert find_cache_folder() == tmp_path / "hub" / "direct_ascent"
    assert place_projection("auto", "tower") == tmp_path / "hub" / "direct_ascent" / name
    assert place_projection(tmp_path / "mine", "tower") == tmp_path / "mine" / name
    assert place_projection(None, "tower") is None
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert find_cache_folder() == tmp_path / "cache" / "torch" / "hub" / "direct_ascent"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_of_processes_that_keep_it_at_once_none_reads_half_a_file(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            code = 1
            try:
                for _ in range(60):
                    write_projection(path, "key", MATRIX)
                    found = read_projection(path, "key", SHAPE)
                    if found is None or not torch.equal(found, MATRIX):
                        os._exit(2)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert not caplog.text
