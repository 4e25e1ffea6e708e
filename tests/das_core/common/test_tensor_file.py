"""Files that the package safetensors reads as it reads its own."""

from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from das_core.common.tensor_file import write_tensor_file

TENSORS = {
    "bytes": torch.arange(3, dtype=torch.uint8),
    "single": torch.rand(2, 3, 4).mT,
    "scalar": torch.tensor(-2.5),
    "none": torch.zeros(0, 3),
    "half": torch.tensor([0.5], dtype=torch.float16),
    "flags": torch.tensor([True, False, True]),
    "double": torch.full((2, 2), torch.pi, dtype=torch.float64),
    "ü.whole": torch.tensor([[-(2**62)]]),
}


def test_what_is_written_is_what_safetensors_reads(tmp_path: Path) -> None:
    path, texts = tmp_path / "a.safetensors", {"sha256": "0", "said": 'ä "quoted" \U0001f600'}
    write_tensor_file(path, TENSORS, texts)
    found = safetensors.torch.load_file(path)
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == texts
        assert {name: file.get_tensor(name).shape for name in TENSORS} == {
            name: tuple(tensor.shape) for name, tensor in TENSORS.items()
        }
    write_tensor_file(path, {}, {})
    assert safetensors.torch.load_file(path) == {}
    with pytest.raises(TypeError):
        write_tensor_file(path, {"a": torch.zeros(2, dtype=torch.bfloat16)}, {})
