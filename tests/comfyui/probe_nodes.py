"""A pack put into the ComfyUI under test: the harness is proven with a node of it, small models come from another.

ComfyUI imports this file; the tests do not.
"""

import json
import tempfile
import threading
from typing import ClassVar

import comfy.clip_vision
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.sd1_clip
import comfy.supported_models
import comfy.taesd.taesd
import comfy.utils
import torch
from comfy_api.latest import ComfyExtension, io
from PIL import Image


class Probe(io.ComfyNode):
    """Count up to `steps`, each with a preview, then return an image or fail."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HarnessProbe",
            display_name="Harness Probe",
            category="tests",
            inputs=[
                io.Int.Input("steps", default=3, min=1, max=1_000_000),
                io.Boolean.Input("fail", default=False),
                io.Int.Input("seed", default=0, min=0, control_after_generate=True),
            ],
            outputs=[io.Image.Output("image")],
        )

    @classmethod
    def execute(cls, steps: int, fail: bool, seed: int) -> io.NodeOutput:
        bar = comfy.utils.ProgressBar(steps)
        pause = threading.Event()
        for step in range(1, steps + 1):
            pause.wait(0.005)  # work to interrupt, that takes no processor time
            bar.update_absolute(step, steps, ("JPEG", Image.new("RGB", (32, 16), "red"), None))
        if fail:
            raise ValueError("the probe was asked to fail")
        return io.NodeOutput(torch.full((1, 16, 32, 3), 1.0 / (1 + seed)))


class SmallCLIP(io.ComfyNode):
    """ComfyUI's own CLIP and CLIP Vision, small, with random weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HarnessSmallCLIP",
            display_name="Harness Small CLIP",
            category="tests",
            inputs=[
                io.Int.Input("text_width", default=64, min=1),
                io.Int.Input("image_width", default=64, min=1),
                io.Combo.Input("projection", options=["random", "zeros", "identity"]),
            ],
            outputs=[io.Clip.Output("clip"), io.ClipVision.Output("clip_vision")],
        )

    @classmethod
    def execute(cls, text_width: int, image_width: int, projection: str) -> io.NodeOutput:
        generator = torch.Generator().manual_seed(0)
        clip = small_clip(text_width, generator)
        matrix = clip.cond_stage_model.clip_l.transformer.text_projection.weight
        if projection != "random":
            matrix.data = torch.zeros_like(matrix) if projection == "zeros" else torch.eye(text_width).to(matrix)

        config = LAYERS | {
            "hidden_size": 48,
            "intermediate_size": 96,
            "image_size": 32,
            "patch_size": 8,
            "num_channels": 3,
            "projection_dim": image_width,
            "model_type": "clip_vision_model",
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(config, file)
            file.flush()
            vision = comfy.clip_vision.ClipVisionModel(file.name)
        fill(vision.model, generator)
        return io.NodeOutput(clip, vision)


class SmallDiffusion(io.ComfyNode):
    """A diffusion model of the family of Stable Diffusion 1.5, small, with random weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="HarnessSmallDiffusion",
            display_name="Harness Small Diffusion",
            category="tests",
            outputs=[io.Model.Output("model"), io.Clip.Output("clip"), io.Vae.Output("vae")],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        generator = torch.Generator().manual_seed(0)
        config = {
            "image_size": 32,
            "in_channels": 4,
            "out_channels": 4,
            "model_channels": 32,
            "num_res_blocks": [1, 1],
            "channel_mult": [1, 2],
            "transformer_depth": [1, 1],
            "transformer_depth_middle": 1,
            "transformer_depth_output": [1, 1, 1, 1],
            "num_heads": 2,
            "num_head_channels": -1,
            "use_spatial_transformer": True,
            "use_linear_in_transformer": False,
            "adm_in_channels": None,
            "context_dim": 64,
            "legacy": False,
            "dtype": torch.float32,
        }
        family = comfy.supported_models.SD15(config)
        family.set_inference_dtype(torch.float32, None)
        denoiser = family.get_model({}, "")
        fill(denoiser.diffusion_model, generator)
        device = comfy.model_management.get_torch_device()
        model = comfy.model_patcher.ModelPatcher(denoiser, device, torch.device("cpu"))
        pixels = comfy.taesd.taesd.TAESD()
        fill(pixels, generator)
        return io.NodeOutput(model, small_clip(64, generator), comfy.sd.VAE(sd=pixels.state_dict()))


LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": "quick_gelu"}


def small_clip(width: int, generator: torch.Generator) -> comfy.sd.CLIP:
    """ComfyUI's text encoder of Stable Diffusion 1.5, two layers of it."""

    class Target:
        clip = comfy.sd1_clip.SD1ClipModel
        tokenizer = comfy.sd1_clip.SD1Tokenizer
        params: ClassVar[dict[str, object]] = {}

    small = LAYERS | {"hidden_size": width, "intermediate_size": 2 * width}
    clip = comfy.sd.CLIP(Target, model_options={"clip_l_model_config": small})
    fill(clip.cond_stage_model, generator)
    return clip


def fill(module: torch.nn.Module, generator: torch.Generator) -> None:
    """Random weights for a model that ComfyUI has left as memory was."""
    for name, parameter in module.named_parameters():
        norm = "norm" in name
        parameter.data = (0.0 if norm else 0.1) * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        if norm and name.endswith("weight"):
            parameter.data += 1


class ProbeExtension(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [Probe, SmallCLIP, SmallDiffusion]


async def comfy_entrypoint() -> ProbeExtension:
    return ProbeExtension()
