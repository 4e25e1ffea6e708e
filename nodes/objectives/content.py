"""The node Content Objective."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.models.judge import Judge
from ...das_core.models.layers.layer import UnknownLayerError
from ...das_core.objectives import content as core
from .. import bridge
from ..node import Node
from ..schema import Objective, add_advice, model_input, schema, tip, weight_input

_RESERVED_VIEWS = 2
"""The number of views for which memory is reserved: `from_images` shows the model two views to find its layers. The
content image is shown to the model only during the ascent, and the ascent reserves memory for its own views."""


class ContentObjective(Node):
    """The node that asks for the content of an image: the same things in the same places."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ContentObjective",
            display_name="Content Objective",
            category="Direct Ascent/objectives",
            description="Ask for what an image shows, each thing in its place: the model's features, compared window "
            "by window. It holds a picture together while something else changes how it looks. Connect "
            "the image that the Image Stack starts from.",
            aliases="style transfer, structure, perceptual, gatys, keep",
            inputs=[
                model_input(),
                tip(
                    io.Image.Input("image"),
                    "The image to keep, of any size; it lies on the canvas as a start image does. One for all of a "
                    "batch, or one for each.",
                ),
                tip(
                    io.String.Input("layer", default=""),
                    "The layer to compare. An early one keeps edges and colours, a late one only things and their "
                    "places. Empty: one that keeps shapes, as suits the model.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, model: Judge, image: Tensor, layer: str, weight: float) -> io.NodeOutput:
        bridge.load_judges([model], _RESERVED_VIEWS)
        with add_advice(UnknownLayerError, ". List Layers shows all"):
            return io.NodeOutput(core.content_objective(model, bridge.from_comfy_images(image), layer, weight))
