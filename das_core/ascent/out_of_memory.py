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
    """Return whether an error means that the memory of a device, or of the computer, has run out.

    Args:
        error: the error of a PyTorch operation. When memory on a CPU or on MPS runs out, PyTorch raises a plain
            `RuntimeError`, which is recognised by its text; Python's own allocator raises a `MemoryError`.

    Example:
        >>> from das_core.ascent.out_of_memory import is_out_of_memory
        >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."))
        True
        >>> is_out_of_memory(RuntimeError("shapes do not match"))
        False
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def describe_out_of_memory(step: int, views: int = 1) -> str:
    """Return the message for an ascent that ran out of memory even with the smallest possible chunk of views.

    Args:
        step: the number of the step, from 1.
        views: how many views the smallest chunk has: 1, or one of every image if an objective compares the images.
    """
    seen = "one view" if views == 1 else f"{views} views"
    return (
        f"memory ran out at step {step}, with {seen} at a time: make the picture or the batch smaller, give the "
        "stack fewer levels, take a smaller model, or load it in bf16"
    )


def describe_denoiser_memory(name: str) -> str:
    """Return the message for a denoiser that ran out of memory.

    Args:
        name: the name of the denoiser.
    """
    return (
        f"memory ran out in the denoiser '{name}': make the picture or the batch smaller, take total_variation, which "
        "needs least, or none"
    )
