"""The nodes Denoiser from Upscale Model and Denoiser from Diffusion."""

from typing import Any

from comfy_api.latest import io

from ...das_core.denoisers.network import NetworkDenoiser
from .. import bridge
from ..node import Node
from ..schema import Denoiser, schema, tip


class DenoiserFromUpscaleModel(Node):
    """The node that makes a denoiser from an upscale model, for Optimize, which uses it unless `denoise` is off."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_DenoiserFromUpscaleModel",
            display_name="Denoiser from Upscale Model",
            category="Direct Ascent/denoisers",
            description="Let a model that restores or enlarges photographs clean the picture after every step of "
            "Optimize, in place of total variation. Any model from Load Upscale Model serves: what it enlarges is made "
            "smaller again.",
            aliases="restore, clean, smooth, ESRGAN, denoise, plug and play",
            inputs=[io.UpscaleModel.Input("upscale_model", tooltip="From Load Upscale Model; it is not changed.")],
            outputs=[Denoiser.Output("denoiser", tooltip="For the input denoiser of Optimize.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, upscale_model: Any) -> io.NodeOutput:
        return io.NodeOutput(NetworkDenoiser(bridge.UpscaleNetwork(upscale_model), "upscale model"))


class DenoiserFromDiffusion(Node):
    """The node that makes a denoiser from a diffusion model, for Optimize, which uses it unless `denoise` is off."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_DenoiserFromDiffusion",
            display_name="Denoiser from Diffusion",
            category="Direct Ascent/denoisers",
            description="Let a diffusion model clean the picture after every step of Optimize, in place of total "
            "variation: the hatching counts as a little noise, and the picture goes toward "
            "what the model sees without it. The strength of Optimize is the noise level. Each step of "
            "Optimize runs the VAE and one step of the model, so this is for a GPU.",
            aliases="restore, clean, denoise, plug and play, prior, Flux",
            inputs=[
                io.Model.Input("model", tooltip="A diffusion model of images, such as SD 1.5; it is not changed."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to the diffusion model, from the same checkpoint."),
                tip(
                    io.Conditioning.Input("positive"),
                    "What the diffusion model is told, from CLIP Text Encode. An empty prompt: it only cleans. The "
                    "same words as the objective: it helps to draw them.",
                ),
            ],
            outputs=[Denoiser.Output("denoiser", tooltip="For the input denoiser of Optimize.")],
        )

    @classmethod
    def execute(cls, model: Any, vae: Any, positive: Any) -> io.NodeOutput:
        bridge.check_vae(model, vae)
        network = bridge.DiffusionNetwork(model, vae, positive)
        return io.NodeOutput(NetworkDenoiser(network, "diffusion model", knows_strength=True))
