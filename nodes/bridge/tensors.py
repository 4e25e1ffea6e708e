"""Conversion between tensors of ComfyUI and of das_core, and the devices that ComfyUI computes on and keeps tensors on.

ComfyUI's images have their channels last, das_core's have them first. Some of ComfyUI's tensors were made under
inference mode, so images and masks from ComfyUI are copied.
"""

from collections.abc import Sequence

import comfy.model_management as mm
import torch
from torch import Tensor

from ...das_core.common.interruption import pausing


def from_comfy_images(images: Tensor) -> Tensor:
    """Return a copy (B, C, H, W), contiguous and float32, of an IMAGE (B, H, W, C), on the same device."""
    if images.ndim != 4:
        raise ValueError(f"an IMAGE of shape {tuple(images.shape)} came in; [batch, height, width, channels] is needed")
    _check_type("an IMAGE", images)
    # Cloned: a tensor made under inference mode can never take part in autograd. Detached: an image of another pack may
    # carry a graph of its own.
    return images.detach().clone().float().movedim(-1, 1).contiguous()


def from_comfy_mask(mask: Tensor) -> Tensor:
    """Return a copy (B, H, W), float32, on the CPU, of a MASK of ComfyUI."""
    _check_type("a MASK", mask)
    return mask.detach().clone().float().cpu()


def _check_type(what: str, values: Tensor) -> None:
    """Raise a ValueError unless a tensor holds floating-point numbers."""
    if not values.is_floating_point():
        raise ValueError(
            f"{what} of {str(values.dtype).removeprefix('torch.')} came in, where floating-point numbers in 0..1 are "
            "needed: look at the node that made it"
        )


def to_comfy_images(images: Tensor) -> Tensor:
    """Return images (B, 3, H, W), 0..1, as an IMAGE (B, H, W, 3) without a graph, where ComfyUI keeps images."""
    return images.detach().float().movedim(1, -1).contiguous().to(mm.intermediate_device())


def join_comfy_images(batches: Sequence[Tensor]) -> Tensor:
    """Return batches (B, 3, H, W) of images of one size as one IMAGE (N, H, W, 3); each batch is copied only once."""
    _, channels, height, width = batches[0].shape
    joined = torch.empty(sum(map(len, batches)), height, width, channels, device=mm.intermediate_device())
    begin = 0
    for batch in pausing(batches):
        joined[begin : begin + len(batch)] = batch.detach().movedim(1, -1)
        begin += len(batch)
    return joined


def to_comfy_masks(masks: Tensor) -> Tensor:
    """Return masks (B, H, W), 0..1, as a MASK without a graph, where ComfyUI keeps images."""
    return masks.detach().float().contiguous().to(mm.intermediate_device())


def get_device() -> torch.device:
    """Return the device that ComfyUI computes on."""
    device: torch.device = mm.get_torch_device()
    return device


def get_storage_device() -> torch.device:
    """Return the device on which ComfyUI keeps the outputs of nodes."""
    device: torch.device = mm.intermediate_device()
    return device
