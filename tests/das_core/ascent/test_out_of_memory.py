"""Errors that mean that memory has run out, as PyTorch raises them."""

import pytest
import torch

from das_core.ascent.out_of_memory import (
    DenoiserMemoryError,
    describe_denoiser_memory,
    describe_out_of_memory,
    is_out_of_memory,
)


def test_what_pytorch_raises_on_a_cpu_is_told_by_its_text() -> None:
    # More than any address space, so that no machine grants it.
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.int8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 12 bytes."), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("DefaultCPUAllocator"), False),
    ],
)
def test_other_errors_are_not_taken_for_it(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_the_message_names_the_step_and_what_to_do() -> None:
    assert "at step 3" in describe_out_of_memory(3)
    assert "with one view at a time: make the picture or the batch smaller" in describe_out_of_memory(3)
    assert "with 4 views at a time" in describe_out_of_memory(3, 4)


def test_the_message_of_a_denoiser_names_it_and_one_that_needs_less() -> None:
    assert "in the denoiser 'oil'" in describe_denoiser_memory("oil")
    assert "total_variation" in describe_denoiser_memory("oil")
    assert is_out_of_memory(DenoiserMemoryError())
