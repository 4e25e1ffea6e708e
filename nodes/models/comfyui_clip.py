"""The node "CLIP from ComfyUI", which makes a judge of a CLIP and a CLIP Vision that ComfyUI has loaded."""

from typing import Any

from comfy_api.latest import io

from .. import bridge
from ..node import Node
from ..schema import Clip, schema


class CLIPFromComfyUI(Node):
    """The node that makes one judge from a CLIP and a CLIP Vision of ComfyUI."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_CLIPFromComfyUI",
            display_name="CLIP from ComfyUI",
            category="Direct Ascent/models",
            description="Make a judge of ComfyUI's own CLIP and CLIP Vision, so that files you have serve here too. "
            "Both must be halves of one model: clip_g with CLIP-ViT-bigG, a clip_l with its projection "
            "with CLIP-ViT-L. The text encoders of SD 1.x come without their projection and do not serve.",
            aliases="clip vision, clip_l, clip_g",
            inputs=[
                io.Clip.Input("clip", tooltip="The half that reads, from Load CLIP, Load Checkpoint or the like."),
                io.ClipVision.Input("clip_vision", tooltip="The half that sees, from Load CLIP Vision."),
            ],
            outputs=[
                Clip.Output("clip", tooltip="For Text Objective and Image Objective (to make images) and Similarity.")
            ],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, clip: Any, clip_vision: Any) -> io.NodeOutput:
        with bridge.Wait("loading both halves"):
            return io.NodeOutput(bridge.join_clip(clip, clip_vision))
