"""Asking with images."""

from comfy_api.latest import io
from torch import Tensor

from ..das_core.models.clip import CLIP
from ..das_core.objectives import image as core
from ..das_core.objectives.embedding import Similarity
from . import bridge
from .schema import Clip, Objective, schema, weight_input
from .text import similarity_input


class ImageObjective(io.ComfyNode):
    """Make an image look like what a model sees in another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ImageObjective",
            display_name="Image Objective",
            category="Direct Ascent/objectives",
            description=(
                "Ask for an image that the model takes for another one: not its pixels, but what it shows. From grey "
                "it is a reconstruction of what the model has seen; from another start image, a blend of both."
            ),
            search_aliases=["das", "direct ascent", "clip", "reconstruct", "style", "image prompt"],
            inputs=[
                Clip.Input("clip", tooltip="The model to convince, from Load CLIP Judge."),
                io.Image.Input(
                    "image",
                    tooltip="The image to look like, of any size. Every one of a batch counts: two pull twice as hard.",
                ),
                similarity_input(),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    @bridge.with_autograd
    def execute(cls, clip: CLIP, image: Tensor, similarity: Similarity, weight: float) -> io.NodeOutput:
        images = bridge.images_in(image).to(bridge.device())
        bridge.load_judges([clip], len(images))
        return io.NodeOutput(core.image_objective(clip, images, similarity, weight))
