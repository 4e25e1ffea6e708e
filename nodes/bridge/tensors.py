"""Tensors on their way in and out: ComfyUI's have the channels last, and some were made under inference mode."""

import comfy.model_management as mm
import torch
from torch import Tensor


def read_images(images: Tensor) -> Tensor:
    """ComfyUI's IMAGE (B, H, W, C) as a batch (B, C, H, W) of our own; to be called under `with_autograd`."""
    if images.ndim != 4:
        raise ValueError(f"an IMAGE of shape {tuple(images.shape)} came in; [batch, height, width, channels] is needed")
    # Cloned: a tensor made under inference mode can never meet autograd.
    return images.clone().float().movedim(-1, 1).contiguous()


def read_mask(mask: Tensor) -> Tensor:
    """ComfyUI's MASK (B, H, W) as our own, on the CPU; to be called under `with_autograd`."""
    return mask.clone().float().cpu()


def return_images(images: Tensor) -> Tensor:
    """A batch (B, 3, H, W) as ComfyUI's IMAGE (B, H, W, 3), on the device ComfyUI keeps images on."""
    return images.detach().float().movedim(1, -1).contiguous().to(mm.intermediate_device())


def return_masks(masks: Tensor) -> Tensor:
    """A batch (B, H, W), 0..1, as ComfyUI's MASK, on the device ComfyUI keeps images on."""
    return masks.detach().float().contiguous().to(mm.intermediate_device())


def get_device() -> torch.device:
    """The device that ComfyUI computes on."""
    chosen: torch.device = mm.get_torch_device()
    return chosen


def get_storage_device() -> torch.device:
    """The device on which results wait for the next node."""
    chosen: torch.device = mm.intermediate_device()
    return chosen
