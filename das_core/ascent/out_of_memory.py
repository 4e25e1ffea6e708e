"""Recognition of out-of-memory errors."""

import torch

_SIGNS = (
    "DefaultCPUAllocator",  # the CPU: the name of PyTorch's allocator
    "CUDA error: out of memory",
    "MPS backend out of memory",
    "Invalid buffer size",  # MPS: a single tensor is larger than the largest buffer of the device
)


class DenoiserMemoryError(torch.OutOfMemoryError):
    """A denoiser has run out of memory; smaller chunks of views would not help, because it sees whole canvases."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory of a device, or of the computer, has run out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)
