"""Embeddings of words that are kept in a file: what is read is what was written, whoever else has been at the file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from cases import each_case
from das_core.common.files import find_cache_folder
from das_core.models.words import WORDS, keep_words, read_words

SHAPE = (12, 5)
MATRIX = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).half()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was kept."""
    path = tmp_path / "words_tower.safetensors"
    keep_words(path, "key", MATRIX)
    return path


def test_what_is_read_is_what_was_written_for_these_models(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = read_words(path, "key", SHAPE)
    assert found is not None
    assert torch.equal(found, MATRIX)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert read_words(path.with_name("other.safetensors"), "key", SHAPE) is None
    assert not caplog.text


def replace_tensors(name: str, tensor: Tensor) -> Callable[[Path], object]:
    """Write another tensor under the metadata of the file."""

    def write(path: Path) -> None:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata()
        safetensors.torch.save_file({name: tensor}, path, metadata)

    return write


def with_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": with_bytes(lambda content: content[:-20]),
    "garbage": with_bytes(lambda content: b"\xff" * 5000),
    "large header": with_bytes(lambda content: (2**40).to_bytes(8, "little") + content[8:]),
    "one bit": with_bytes(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "gigabytes": lambda path: os.truncate(path, 2**32),
    "other name": replace_tensors("weight", MATRIX),
    "other numbers": replace_tensors(WORDS, -MATRIX),
    "smaller": lambda path: keep_words(path, "key", MATRIX[:5].clone()),
    "float": lambda path: keep_words(path, "key", MATRIX.float()),
    "other key": lambda path: keep_words(path, "another key", MATRIX),
    "no digest": lambda path: safetensors.torch.save_file({WORDS: MATRIX.clone()}, path, {"key": "key"}),
}


@each_case("damage", *DAMAGES)
def test_what_is_not_what_was_written_is_not_used(path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    DAMAGES[damage](path)
    assert read_words(path, "key", SHAPE) is None
    assert f"{path} cannot be used" in caplog.text
    keep_words(path, "key", MATRIX)
    assert read_words(path, "key", SHAPE) is not None
    caplog.clear()


def test_a_file_that_cannot_be_written_is_said_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "words_tower.safetensors", tmp_path / "folder"):
        assert read_words(path, "key", SHAPE) is None
        keep_words(path, "key", MATRIX)
        assert f"{path} could not be kept" in caplog.text


def test_the_folder_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert find_cache_folder() == tmp_path / "hub" / "direct_ascent"
