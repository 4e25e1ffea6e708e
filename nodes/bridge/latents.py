"""Checks of ComfyUI's VAEs and latents, and conversion between latents and pictures."""

from typing import Any

from torch import Tensor

from .tensors import from_comfy_images, get_storage_device


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


def encode_pictures(vae: Any, pictures: Tensor, like: Tensor | None = None) -> Tensor:
    """Encode pictures (B, 3, H, W), 0..1, to a latent (B, C, h, w) with the shape and device of `like`, if given."""
    images = pictures.movedim(1, -1).contiguous().to(get_storage_device())
    latent = _check_tensor(vae.encode(images), "encodes the picture")
    if like is not None and latent.shape != like.shape:
        raise ValueError(
            f"the VAE encodes its own picture to a latent of {tuple(latent.shape)}, where the sampler's is "
            f"{tuple(like.shape)}: connect the VAE of the diffusion model"
        )
    if not bool(latent.isfinite().all()):
        raise ValueError(
            "the VAE encodes the picture to values that are no numbers: start ComfyUI with --fp32-vae, or load a VAE "
            "that works in half precision"
        )
    return latent if like is None else latent.to(like.device)


def _check_tensor(answer: Any, does: str) -> Tensor:
    """Return what a VAE answers; raise an error when it is no tensor."""
    if not isinstance(answer, Tensor):
        kind = type(answer).__name__
        raise ValueError(f"the VAE {does} to a {kind}, where a tensor is needed: load another one with Load VAE")
    return answer
