"""What goes from the program to a device, with as little waiting as possible.

A GPU works behind the program. Every number that is read from it, and on CUDA every ordinary copy to it, makes the
program wait until all that was asked before is done, and the GPU idles while the program catches up.
"""

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .cache import cached


def send_to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on a device; on CUDA the program does not wait for the copy.

    Args:
        tensor: on the CPU, of the type that it is to have.
        device: where it is to be.

    Example:
        >>> import torch
        >>> from das_core.common.devices import send_to_device
        >>> send_to_device(torch.tensor([1.0, 2.0]), torch.device("cpu"))
        tensor([1., 2.])
    """
    # CUDA has read ordinary memory when the call returns, also where it does not block. Other devices may read it
    # later, when it already holds something else.
    return tensor.to(device, non_blocking=device.type == "cuda")


@cached(maxsize=256)
def make_constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return numbers as a tensor (N,) on a device, which is kept, so that asking again sends nothing.

    All callers share it, so none of them may change it in place.

    Args:
        values: N numbers.
        dtype: the type of the tensor.
        device: where it is to be.

    Example:
        >>> import torch
        >>> from das_core.common.devices import make_constant
        >>> first, second = (make_constant((107, 1), torch.int64, torch.device("cpu")) for _ in range(2))
        >>> first, first is second
        (tensor([107,   1]), True)
    """
    return send_to_device(torch.tensor(values, dtype=dtype), device)


_COPIES: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
"""For tensors that are still in use, their copies by type and device."""


def keep_copy(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor with the type and on the device of another one; the copy is kept for as long as the tensor is.

    Neither of them may be changed in place.

    Args:
        tensor: what is asked for again and again, such as a matrix that belongs to an objective.
        like: has the type and the device that are wanted.

    Returns:
        The tensor itself if it has both already, else a copy without gradients.

    Example:
        >>> import torch
        >>> from das_core.common.devices import keep_copy
        >>> matrix, values = torch.eye(2, dtype=torch.float64), torch.zeros(3)
        >>> keep_copy(matrix, values).dtype, keep_copy(matrix, values) is keep_copy(matrix, values)
        (torch.float32, True)
    """
    if tensor.dtype == like.dtype and tensor.device == like.device:
        return tensor
    copies: dict[tuple[torch.dtype, torch.device], Tensor] = _COPIES.setdefault(tensor, {})
    wanted = like.dtype, like.device
    if wanted not in copies:
        # Outside of inference mode, see `cached`.
        with torch.inference_mode(False), torch.no_grad():
            copies[wanted] = send_to_device(tensor.detach().to(like.dtype), like.device)
    return copies[wanted]
