"""Transfers from the CPU to a device, with as little waiting as possible.

A GPU works through a queue of operations, while the program adds more. When the program reads a number from it, and on
CUDA also when it makes an ordinary copy to it, the program waits for the end of the queue, and then the GPU is idle.
"""

import torch
from torch import Tensor

from .cache import cached, copies, lock
from .modes import own_modes
from .text import shorten


def find_device(device: torch.device | str) -> torch.device:
    """Return a device as its tensors name it ('cuda:0'), or raise a ValueError that lists the devices here."""
    try:
        # A valid name does not mean that PyTorch was built for this device, or that the machine has such a device.
        return torch.empty(0, device=torch.device(device)).device
    except (RuntimeError, AssertionError, TypeError) as error:
        there = " or ".join(["cpu", *(name for name in ("cuda", "mps") if getattr(torch, name).is_available())])
        raise ValueError(
            f"there is no device '{shorten(str(device))}' here ({shorten(str(error), 120)}); choose {there}"
        ) from error


def send_to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to a device; on CUDA the program does not wait for the copy."""
    # On CUDA, ordinary (not pinned) memory has been read when the call returns. Other devices may read it later, when
    # the caller may have changed it, so for them the call waits for the end of the copy.
    return tensor.to(device, non_blocking=device.type == "cuda")


@cached(maxsize=256)
def make_constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return numbers as a cached tensor (N,) on a device; nobody may change it in place."""
    return send_to_device(torch.tensor(values, dtype=dtype, device="cpu"), device)


def keep_copy(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor with the type and device of another: itself, or a copy that is cached while the tensor lives.
    Neither the tensor nor its copy, which has no gradients, may be changed in place."""
    if tensor.dtype == like.dtype and tensor.device == like.device:
        return tensor
    wanted = like.dtype, like.device
    with lock:
        made: dict[tuple[torch.dtype, torch.device], Tensor] = copies.setdefault(tensor, {})
        if wanted not in made:
            with own_modes(), torch.no_grad():
                made[wanted] = send_to_device(tensor.detach().to(like.dtype), like.device)
        return made[wanted]
