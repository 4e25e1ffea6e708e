"""The node Denoiser from Upscale Model."""

from typing import Any

from comfy_api.latest import io

from ...das_core.denoisers.network import NetworkDenoiser
from .. import bridge
from ..node import Node
from ..schema import Denoiser, schema


class DenoiserFromUpscaleModel(Node):
    """The node that makes a denoiser from an upscale model, for Optimize, which uses it unless `denoise` is off."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_DenoiserFromUpscaleModel",
            display_name="Denoiser from Upscale Model",
            category="Direct Ascent/denoisers",
            description="Let a model that restores or enlarges photographs clean the picture after every step of "
            "Optimize, in place of the kind that is chosen there. Any model from Load Upscale Model "
            "serves: what it enlarges is made smaller again.",
            aliases="restore, clean, smooth, ESRGAN, denoise, plug and play",
            inputs=[
                io.UpscaleModel.Input("upscale_model", tooltip="From Load Upscale Model; it is not changed."),
            ],
            outputs=[Denoiser.Output("denoiser", tooltip="For the input denoiser of Optimize.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, upscale_model: Any) -> io.NodeOutput:
        return io.NodeOutput(NetworkDenoiser(bridge.UpscaleNetwork(upscale_model), "upscale model"))
