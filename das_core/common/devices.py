"""Transfers from the CPU to a device, with as little waiting as possible.

A GPU runs asynchronously: it works through a queue of operations, while the program adds more. The program waits until
the queue is finished when it reads a number from the GPU, and on CUDA also when it makes an ordinary copy to the GPU.
Afterwards the GPU is idle until the program has queued more work.
"""

import torch
from torch import Tensor

from .cache import cached, copies, lock
from .text import shorten


def find_device(device: torch.device | str) -> torch.device:
    """Return a device on which PyTorch can compute, or raise an error that lists the devices of this machine.

    Args:
        device: a device or its name, such as 'cuda' or 'cuda:1'.

    Returns:
        The device, equal to the attribute `device` of tensors on it: for 'cuda' the current CUDA device with its
        number, such as 'cuda:0'.

    Raises:
        ValueError: when this machine has no such device, or PyTorch cannot use it.

    Example:
        >>> from das_core.common.devices import find_device
        >>> find_device("cpu")
        device(type='cpu')
    """
    try:
        # A valid name does not mean that PyTorch was built for this device, or that the machine has such a device. And
        # the device of a tensor on 'cuda' has a number, so torch.device("cuda") would not be equal to it.
        return torch.empty(0, device=torch.device(device)).device
    except (RuntimeError, AssertionError, TypeError) as error:
        there = " or ".join(["cpu", *(name for name in ("cuda", "mps") if getattr(torch, name).is_available())])
        raise ValueError(
            f"there is no device '{shorten(str(device))}' here ({shorten(str(error), 120)}); choose {there}"
        ) from error


def send_to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to a device; on CUDA the program does not wait for the copy.

    Args:
        tensor: a tensor on the CPU. Its type is kept.
        device: where the result is needed. If this is the CPU, the tensor itself is returned.

    Example:
        >>> import torch
        >>> from das_core.common.devices import send_to_device
        >>> send_to_device(torch.tensor([1.0, 2.0]), torch.device("cpu"))
        tensor([1., 2.])
    """
    # With `non_blocking=True` the caller must not change the memory of the tensor before it has been read. On CUDA,
    # ordinary (not pinned) memory has been read when the call returns. Other devices may read it later, so for them the
    # call waits for the end of the copy.
    return tensor.to(device, non_blocking=device.type == "cuda")


@cached(maxsize=256)
def make_constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return numbers as a tensor (N,) on a device; the tensor is cached, so that a second call transfers nothing.

    All callers share the tensor, so none of them may change it in place.

    Args:
        values: N numbers.
        dtype: the type of the tensor.
        device: where the tensor is needed.

    Example:
        >>> import torch
        >>> from das_core.common.devices import make_constant
        >>> first, second = (make_constant((107, 1), torch.int64, torch.device("cpu")) for _ in range(2))
        >>> first, first is second
        (tensor([107,   1]), True)
    """
    return send_to_device(torch.tensor(values, dtype=dtype), device)


def keep_copy(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a copy of a tensor with the type and device of another; the copy is cached as long as the tensor lives.

    `free_caches` and the end of the last run on the device drop the copy.

    Neither the tensor nor its copy may be changed in place.

    Args:
        tensor: a tensor that is needed in every step, such as a matrix that belongs to an objective.
        like: a tensor with the wanted type and device.

    Returns:
        The tensor itself if it already has this type and device, else a copy without gradients.

    Example:
        >>> import torch
        >>> from das_core.common.devices import keep_copy
        >>> matrix, values = torch.eye(2, dtype=torch.float64), torch.zeros(3)
        >>> keep_copy(matrix, values).dtype, keep_copy(matrix, values) is keep_copy(matrix, values)
        (torch.float32, True)
    """
    if tensor.dtype == like.dtype and tensor.device == like.device:
        return tensor
    wanted = like.dtype, like.device
    with lock:
        made: dict[tuple[torch.dtype, torch.device], Tensor] = copies.setdefault(tensor, {})
        if wanted not in made:
            # Outside of inference mode, see `cached`.
            with torch.inference_mode(False), torch.no_grad():
                made[wanted] = send_to_device(tensor.detach().to(like.dtype), like.device)
        return made[wanted]
