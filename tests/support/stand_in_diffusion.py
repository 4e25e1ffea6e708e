"""Stand-ins for what the pack uses of diffusion models and VAEs; tests/comfyui uses ComfyUI's own."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

LEVELS = (10.0, 5.0, 2.0, 1.0, 0.0)
"""The noise levels of a sampling run."""


class NoiseOnTop:
    """Stands for the model_sampling of SD 1.5 and SDXL: noise is added to the picture."""

    def percent_to_sigma(self, percent: float) -> float:
        return 1e9 if percent <= 0 else 10 * (1 - percent)

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent: Tensor, max_denoise: bool = False) -> Tensor:
        noise *= sigma
        noise += latent
        return noise


class Mixture(NoiseOnTop):
    """Stands for the model_sampling of SD3 and Flux: sigma is the share of the noise in the latent."""

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent: Tensor, max_denoise: bool = False) -> Tensor:
        return sigma * noise + (1 - sigma) * latent


def make_model(channels: int = 4, dimensions: int = 2) -> SimpleNamespace:
    """Return a stand-in for ComfyUI's BaseModel. Its latents are 0.25 times those of the VAE, plus 3."""
    return SimpleNamespace(
        model_sampling=NoiseOnTop(),
        latent_format=SimpleNamespace(latent_channels=channels, latent_dimensions=dimensions),
        process_latent_in=lambda latent: latent * 0.25 + 3.0,
        process_latent_out=lambda latent: (latent - 3.0) * 4.0,
        memory_required=lambda shape: 1000 * shape[0],
        get_dtype=lambda: torch.float32,
    )


def make_patcher(**settings: int) -> Any:
    """Return what ComfyUI's loaders give for a diffusion model; `settings` are those of `make_model`."""
    from comfy.model_patcher import ModelPatcher

    module = nn.LayerNorm(1)
    for name, value in vars(make_model(**settings)).items():
        setattr(module, name, value)
    return ModelPatcher(module, torch.device("cpu"), torch.device("cpu"))


class StandInVAE:
    """Stands for comfy.sd.VAE: the first three channels of a latent are colours, at 1/8 of the size of the picture."""

    latent_dim, output_channels = 2, 3

    def __init__(self, channels: int = 4) -> None:
        self.latent_channels = channels
        self.first_stage_model = nn.Identity()
        self.patcher = object()
        self.decoded = self.encoded = 0

    def decode(self, latent: Tensor) -> Tensor:
        self.decoded += 1
        pixels = nn.functional.interpolate(latent[:, :3], scale_factor=8, mode="nearest")
        return (pixels / 2 + 0.5).clamp(0, 1).movedim(1, -1)

    def encode(self, images: Tensor) -> Tensor:
        self.encoded += 1
        colors = nn.functional.avg_pool2d(images.movedim(-1, 1), 8) * 2 - 1
        more = colors.new_zeros(len(colors), self.latent_channels - 3, *colors.shape[2:])
        return torch.cat([colors, more], dim=1)


def predict(model: Any, level: int = 1, batch: int = 1) -> Any:
    """Return the arguments that ComfyUI gives to a post-CFG function at a noise level."""
    latent = torch.randn(batch, model.latent_format.latent_channels, 8, 8, generator=torch.manual_seed(7))
    return {
        "denoised": 3 + 0.1 * latent,
        "sigma": torch.full((batch,), LEVELS[level]),
        "model": model,
        "model_options": {"transformer_options": {"sample_sigmas": torch.tensor(LEVELS)}},
        "cond": [],
        "uncond": None,
    }
