"""Models of ComfyUI as networks for `NetworkDenoiser`: an upscale model, and a diffusion model with its VAE.

Each model is loaded through ComfyUI's memory manager before every call, because the judges of an ascent may have pushed
the model off the device since the last call. The output is copied, so that it is not an inference tensor.
"""

from typing import Any

import comfy.model_management as mm
import comfy.samplers
import comfy.utils
import torch
import torch.nn.functional as F
from torch import Tensor

from ...das_core.ascent.out_of_memory import is_out_of_memory
from ...das_core.common.text import shorten
from .diffusion import measure_noise
from .memory import manage_module
from .tensors import decode_latent, encode_pictures, get_device

_TILE, _SMALLEST_TILE, _OVERLAP = 512, 128, 32
"""In pixels: the side of the pieces in which an upscale model gets a picture, the smallest side to which it is halved
when memory runs out, and the overlap of the pieces. ComfyUI's node Upscale Image (using Model) has the same values."""

_LARGEST_SCALE = 64

_BYTES_PER_VALUE = 384
"""While an upscale model of factor f runs on a piece, it needs about 384 f times the bytes of the piece. ComfyUI's node
Upscale Image (using Model) has the same estimate."""

_PICTURE_DEVIATION = 0.25
"""The standard deviation of the pixels (0..1) of a photograph; in latents it corresponds to a deviation of 1."""

_SIDE = 64
"""Pictures are padded to sides that are a multiple of this many pixels, as diffusion models need."""


class UpscaleNetwork:
    """An UPSCALE_MODEL of ComfyUI as a network that returns pixels enlarged by the factor of the model, 1 to 64."""

    def __init__(self, model: Any) -> None:
        scale = getattr(model, "scale", None)
        if not callable(model) or not isinstance(getattr(model, "model", None), torch.nn.Module) or scale is None:
            raise ValueError("there is no upscale model in what is connected: load one with Load Upscale Model")
        if getattr(model, "input_channels", 3) != 3 or getattr(model, "output_channels", 3) != 3:
            raise ValueError(
                "this upscale model does not go from colours to colours: take one that restores or enlarges photographs"
            )
        if scale not in range(1, _LARGEST_SCALE + 1):
            raise ValueError(
                f"this upscale model enlarges {shorten(scale)} times, where a whole number from 1 to {_LARGEST_SCALE} "
                "is needed: take another one"
            )
        self.model, self.scale = model, int(scale)
        # In ComfyUI 0.8.0 the model has no patcher.
        self._patcher = getattr(model, "patcher", None) or manage_module(model.model)

    def __call__(self, pixels: Tensor, strength: float) -> Tensor:
        """Return the enlarged pixels (B, 3, f H, f W), where f is the factor of the model; the strength is ignored."""
        needed = 3 * _TILE**2 * pixels.element_size() * self.scale * _BYTES_PER_VALUE
        with torch.inference_mode():
            mm.load_models_gpu([self._patcher], memory_required=needed, force_full_load=True)
            # In ComfyUI 0.8.0 the node Upscale Image (using Model) moves the model to the CPU after use and does not
            # tell the memory manager. So the model is moved to the device here, as that node does too.
            self.model.to(get_device())
            answer = self._ask_in_tiles(pixels.to(get_device()))
        return answer.to(pixels.device).clone()

    def _ask_in_tiles(self, pixels: Tensor) -> Tensor:
        """Return the output for a picture in pieces of 512 pixels; of fewer, down to 128, when memory runs out."""
        tile = _TILE
        while True:
            try:
                answer: Tensor = comfy.utils.tiled_scale(
                    pixels,
                    lambda piece: self.model(piece.float()),
                    tile_x=tile,
                    tile_y=tile,
                    overlap=_OVERLAP,
                    upscale_amount=self.scale,
                    output_device=pixels.device,
                )
                return answer
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or tile == _SMALLEST_TILE:
                    raise
            tile //= 2


class DiffusionNetwork:
    """A diffusion model of ComfyUI as a denoising network: one step to a noise level of 0; no noise is added."""

    def __init__(self, model: Any, vae: Any, condition: Any) -> None:
        parts = condition if isinstance(condition, list) else []
        if not parts or not all(
            isinstance(part, list | tuple) and part and isinstance(part[-1], dict) for part in parts
        ):
            raise ValueError("there is no condition in what is connected to positive: connect CLIP Text Encode")
        self.model, self.vae = model, vae
        self._guider = comfy.samplers.CFGGuider(model)
        # At a CFG scale of 1.0 the second argument, the negative condition, is not used.
        self._guider.set_conds(condition, condition)
        self._guider.set_cfg(1.0)

    def __call__(self, pixels: Tensor, strength: float) -> Tensor:
        """Return the denoised pixels (B, 3, H, W); ripple counts as noise of the deviation `strength`, 0..1."""
        height, width = pixels.shape[2:]
        sigma = find_sigma(self.model.get_model_object("model_sampling"), strength / _PICTURE_DEVIATION)
        with torch.inference_mode():
            latent = encode_pictures(self.vae, _pad(pixels))
            denoised = self._guider.sample(
                torch.zeros_like(latent),
                latent,
                comfy.samplers.sampler_object("euler"),
                torch.tensor([sigma, 0.0]),
                disable_pbar=True,
                seed=0,
            )
            pictures = decode_latent(self.vae, denoised)
        return pictures[:, :, :height, :width].to(pixels).clone()


def find_sigma(sampling: Any, noise: float) -> float:
    """Return the noise level of the model, by bisection, at which the noise relative to the picture is `noise`."""
    low, high = float(sampling.sigma_min), float(sampling.sigma_max)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if measure_noise(sampling, middle) < noise else (low, middle)
    return high


def _pad(pixels: Tensor) -> Tensor:
    """Return pixels whose sides are padded with their last row and column to a multiple of 64."""
    rows, columns = (-side % _SIDE for side in pixels.shape[2:])
    return F.pad(pixels, (0, columns, 0, rows), mode="replicate")
