"""Tensors, latents and autograd on the border to ComfyUI, and the devices that it computes on and keeps tensors on.

ComfyUI's images have their channels last, das_core's have them first. ComfyUI runs nodes under inference mode, where
autograd is impossible, so images and masks from ComfyUI are copied.
"""

from collections.abc import Sequence
from typing import Any

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


def check_vae(model: Any, vae: Any) -> None:
    """Raise a ValueError unless a MODEL makes images, and a VAE decodes latents of its number of channels to images."""
    if not hasattr(vae, "decode") or getattr(vae, "first_stage_model", None) is None:
        raise ValueError("there is no VAE in what is connected to vae: load one with Load VAE")
    if not hasattr(model, "get_model_object"):
        raise ValueError("there is no diffusion model in what is connected to model: load one with Load Checkpoint")
    latents = model.get_model_object("latent_format")
    if latents.latent_dimensions != 2:
        kinds = {1: "audio", 3: "video (or of an image model that shares the VAE of one)"}
        kind = kinds.get(latents.latent_dimensions, "no image")
        raise ValueError(
            f"the latents of this model are of {kind}; only models of images "
            "with latents of four dimensions can be used here, such as SD 1.5, SDXL, SD3 and Flux"
        )
    if getattr(vae, "latent_dim", 2) != 2 or getattr(vae, "output_channels", 3) != 3:
        raise ValueError("this VAE makes video or audio, no images: connect the VAE of the diffusion model")
    if vae.latent_channels != latents.latent_channels:
        raise ValueError(
            f"this VAE has latents of {vae.latent_channels} channels and the diffusion model of "
            f"{latents.latent_channels}: connect the VAE of the diffusion model"
        )


def check_latent(latent: Tensor, vae: Any) -> None:
    """Raise a ValueError unless a latent has four dimensions, is not empty and has the channels of the VAE."""
    if latent.ndim != 4:
        raise ValueError(
            f"the latent has {latent.ndim} dimensions, as video and audio have; only images, with four dimensions, can "
            "be guided"
        )
    if 0 in latent.shape:
        raise ValueError(
            f"the latent of shape {tuple(latent.shape)} is empty: there is nothing to guide; make it larger"
        )
    if latent.shape[1] != vae.latent_channels:
        raise ValueError(
            f"the latent has {latent.shape[1]} channels and the VAE {vae.latent_channels}: connect the VAE of the "
            "diffusion model"
        )


def decode_latent(vae: Any, latent: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W), 0..1, float32, where ComfyUI keeps images, from a latent (B, C, h, w)."""
    images = _check_tensor(vae.decode(latent), "decodes the prediction")
    if images.ndim != 4 or images.shape[-1] < 3:
        raise ValueError(
            f"the VAE decodes the prediction to a tensor of {tuple(images.shape)}, where pictures [batch, height, "
            "width, 3] are needed: connect the VAE of the diffusion model"
        )
    pictures = from_comfy_images(images)[:, :3]
    if not bool(pictures.isfinite().all()):
        raise ValueError(
            "the VAE decodes the prediction to values that are no numbers: start ComfyUI with --fp32-vae, or load a "
            "VAE that works in half precision"
        )
    return pictures


def encode_pictures(vae: Any, pictures: Tensor, like: Tensor) -> Tensor:
    """Encode pictures (B, 3, H, W), 0..1, to a latent (B, C, h, w) with the shape and device of `like`."""
    images = pictures.movedim(1, -1).contiguous().to(get_storage_device())
    latent = _check_tensor(vae.encode(images), "encodes the picture")
    if latent.shape != like.shape:
        raise ValueError(
            f"the VAE encodes its own picture to a latent of {tuple(latent.shape)}, where the sampler's is "
            f"{tuple(like.shape)}: connect the VAE of the diffusion model"
        )
    if not bool(latent.isfinite().all()):
        raise ValueError(
            "the VAE encodes the picture to values that are no numbers: start ComfyUI with --fp32-vae, or load a VAE "
            "that works in half precision"
        )
    return latent.to(like.device)


def _check_tensor(answer: Any, does: str) -> Tensor:
    """Return what a VAE answers; raise an error when it is no tensor."""
    if not isinstance(answer, Tensor):
        kind = type(answer).__name__
        raise ValueError(f"the VAE {does} to a {kind}, where a tensor is needed: load another one with Load VAE")
    return answer
