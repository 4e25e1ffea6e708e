"""Recognition of out-of-memory errors, and the messages of an ascent about them."""

import torch

_SIGNS = (
    "DefaultCPUAllocator",  # the CPU: the name of PyTorch's allocator
    "CUDA error: out of memory",
    "MPS backend out of memory",
    "Invalid buffer size",  # MPS: a single tensor is larger than the largest buffer of the device
)
"""Parts of the texts of those `RuntimeError`s by which PyTorch tells that memory has run out."""


class DenoiserMemoryError(torch.OutOfMemoryError):
    """A denoiser has run out of memory; smaller chunks of views would not help, because it sees whole canvases."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory of a device, or of the computer, has run out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def describe_out_of_memory(step: int, views: int = 1) -> str:
    """Return the message for an ascent that ran out of memory at a step, from 1, even with the fewest views at once."""
    seen = "one view" if views == 1 else f"{views} views"
    return (
        f"memory ran out at step {step}, with {seen} at a time: make the picture or the batch smaller, give the "
        "stack fewer levels, take a smaller model, or load it in bf16"
    )


def describe_denoiser_memory(name: str) -> str:
    """Return the message for a denoiser that ran out of memory."""
    return (
        f"memory ran out in the denoiser '{name}': make the picture or the batch smaller, take TotalVariation, which "
        "needs least, or none"
    )
