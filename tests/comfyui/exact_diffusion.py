"""A pack put into the ComfyUI under test: a diffusion model whose answer is an exact formula, as a MODEL with a VAE.

ComfyUI imports this file; the tests do not.
"""

import sys
from pathlib import Path
from typing import Any

import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.supported_models_base
import torch
from comfy_api.latest import ComfyExtension, io

# ComfyUI loads this file through a link, and nothing of the tests is on its path.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks.exact_denoiser import ExactDenoiser, plain_pictures

CALLS: list[tuple[float, bool]] = []
"""The noise level of every call of the model, and whether its weights were loaded then."""


class Pixels(comfy.latent_formats.LatentFormat):
    """Latents that are pixels in -1..1."""

    latent_channels = 3
    scale_factor = 1.0


class ExactModel(comfy.model_base.BaseModel):
    """ComfyUI's model around an exact denoiser."""

    def __init__(self, side: int) -> None:
        config = comfy.supported_models_base.BASE({"disable_unet_model_creation": True})
        config.latent_format = Pixels()
        super().__init__(config, comfy.model_base.ModelType.EPS)
        self.diffusion_model = torch.nn.Linear(1, 1)
        self.diffusion_model.dtype = torch.float32  # type: ignore[assignment]
        self._denoise = ExactDenoiser(plain_pictures(side))

    def _apply_model(self, x: torch.Tensor, t: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        loaded = [each.model for each in comfy.model_management.loaded_models()]
        CALLS.append((float(t[0]), any(each is self for each in loaded)))
        return self._denoise(x, float(t[0]))


class ForgetfulVAE(comfy.sd.VAE):
    """ComfyUI's VAE of pixels, which pushes all other models off the device, as a large one does on a small card."""

    def decode(self, *arguments: Any, **settings: Any) -> torch.Tensor:
        comfy.model_management.unload_all_models()
        return super().decode(*arguments, **settings)


class ExactDiffusion(io.ComfyNode):
    """The model, the VAE of its pixels, an empty latent, and a condition that says nothing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HarnessExactDiffusion",
            display_name="Harness Exact Diffusion",
            category="tests",
            inputs=[
                io.Int.Input("side", default=64, min=16),
                io.Int.Input("batch", default=1, min=1),
                io.Boolean.Input("forgetful", default=False),
            ],
            outputs=[
                io.Model.Output("model"),
                io.Vae.Output("vae"),
                io.Latent.Output("latent"),
                io.Conditioning.Output("condition"),
            ],
        )

    @classmethod
    def execute(cls, side: int, batch: int, forgetful: bool) -> io.NodeOutput:
        device = comfy.model_management.get_torch_device()
        model = comfy.model_patcher.ModelPatcher(ExactModel(side), device, torch.device("cpu"))
        make = ForgetfulVAE if forgetful else comfy.sd.VAE
        vae = make(sd={"pixel_space_vae": torch.tensor(1.0)})
        return io.NodeOutput(model, vae, {"samples": torch.zeros(batch, 3, side, side)}, [[torch.zeros(1, 1, 1), {}]])


class ExactCalls(io.ComfyNode):
    """What the model was asked since the last time, as text: the number of calls, and of those without its weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HarnessExactCalls",
            display_name="Harness Exact Calls",
            category="tests",
            inputs=[io.Latent.Input("after")],
            outputs=[io.String.Output("text")],
        )

    @classmethod
    def execute(cls, after: Any) -> io.NodeOutput:
        text = f"{len(CALLS)} calls, {sum(not loaded for _, loaded in CALLS)} unloaded"
        CALLS.clear()
        return io.NodeOutput(text)


class ExactExtension(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [ExactDiffusion, ExactCalls]


async def comfy_entrypoint() -> ExactExtension:
    return ExactExtension()
