"""Files that claim more than they hold: refused before anything of that size is built."""

import copy
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.models.sources.classifier_files import load_classifier_file
from das_core.models.sources.weight_claims import RefusedError, check_archive, check_claims, is_archive
from das_core.models.sources.weights import read_weights

ARCHITECTURE = "timm/mobilenetv3_small_050"
WIDTH = 1024
MODULE_BYTES = 64 * 2**20


def zipped(content: dict[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def repack(content: bytes, compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return buffer.getvalue()


def test_archives_are_told_from_older_files(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(zipped({"a": torch.ones(2)}))
    assert is_archive(path)
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert not is_archive(path)


def test_an_archive_of_torch_passes_and_a_compressed_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    content = zipped({"a": torch.zeros(2**20)})
    path.write_bytes(content)
    check_archive(path)
    path.write_bytes(repack(content, zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 2**14
    with pytest.raises(RefusedError, match=r"'bomb.pth' was refused: it is a compressed archive .*with torch.save"):
        read_weights(path)


def test_an_archive_that_names_one_entry_many_times_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bomb/data/0", bytes(2**16))
        for number in range(1, 100):
            again = copy.copy(archive.filelist[0])
            again.filename = f"bomb/data/{number}"
            archive.filelist.append(again)
    assert path.stat().st_size < 2**17
    with pytest.raises(RefusedError, match=r"'bomb.pth' was refused: .*\(its entries overlap\)"):
        check_archive(path)
    with pytest.raises(RefusedError, match=r"'bomb.pth' was refused: .*\(its entries overlap\)"):
        read_weights(path)


def test_one_value_that_is_named_as_billions_is_refused(tmp_path: Path) -> None:
    torch.save({"head.weight": torch.zeros(1).expand(3_000_000, WIDTH)}, tmp_path / "wide.pth")
    with pytest.raises(RefusedError, match=r"would take 11.4 GiB, .* \(head.weight is named as \(3000000, 1024\)\)"):
        read_weights(tmp_path / "wide.pth")


def test_tensors_that_share_memory_pass(tmp_path: Path) -> None:
    shared = torch.ones(2**16)
    torch.save({"a": shared, "b": shared, "c": shared.expand(4, -1)}, tmp_path / "tied.pth")
    assert read_weights(tmp_path / "tied.pth")["c"].shape == (4, 2**16)
    check_claims({"a": torch.ones(3)}, tmp_path / "tied.pth")


@each_case("legacy", [False, True])
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "beyond.pth"
    torch.save({"a": torch.ones(1234)}, path, _use_new_zipfile_serialization=not legacy)
    # In the pickle the shape stands as a number of two bytes; now it is one of four, with 2^31 - 1 values.
    content = path.read_bytes()
    short, long = pickle.BININT2 + (1234).to_bytes(2, "little"), pickle.BININT + (2**31 - 1).to_bytes(4, "little")
    assert short in content
    if legacy:
        path.write_bytes(content.replace(short, long))
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name).replace(short, long))
        path.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"'beyond.pth' (cannot be read|was refused)"), PeakBytes() as made:
        read_weights(path)
    assert made.peak < MODULE_BYTES or legacy


@each_case(
    "head",
    [torch.zeros(3_000_000, 0), torch.zeros(1, WIDTH).to_sparse(), torch.zeros(0, WIDTH), torch.zeros(3_000_000, 1)],
)
@each_case("suffix", [".safetensors", ".pth"])
def test_no_layer_is_built_for_rows_that_are_not_there(tmp_path: Path, head: Tensor, suffix: str) -> None:
    path = tmp_path / f"tiny{suffix}"
    if suffix == ".pth":
        torch.save({"classifier.weight": head}, path)
    elif head.layout == torch.strided:
        safetensors.torch.save_file({"classifier.weight": head}, path)
    else:
        pytest.skip("safetensors has no sparse tensors")
    with PeakBytes() as made, pytest.raises(ValueError, match="'tiny"):
        load_classifier_file(path, ARCHITECTURE)
    assert made.peak < MODULE_BYTES
