"""The nodes Style Objective and Content Objective."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.models.judge import Judge
from ...das_core.models.layers.layer import UnknownLayerError
from ...das_core.objectives.style import content, style
from .. import bridge
from ..node import Node
from ..schema import Objective, add_advice, model_input, schema, tip, weight_input


class StyleObjective(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_StyleObjective",
            display_name="Style Objective",
            category="Direct Ascent/objectives",
            description="Ask for the style of an image: its colours, strokes and textures, wherever they lie (the "
            "Gram matrices of Gatys et al., 2016). With Content Objective beside it, and an Image Stack "
            "that starts from the other image, it is style transfer; from grey it paints the texture "
            "alone.",
            aliases="style transfer, gram, gatys, texture, neural style",
            advanced=["layers", "weight"],
            inputs=[
                model_input(),
                tip(
                    io.Image.Input("image"),
                    "The image whose style is taken, of any size from 16 x 16. A batch is one style, the mean.",
                ),
                tip(
                    io.String.Input("layers", default="", multiline=True),
                    "Layers to compare, one a line, with ': weight' if you like. Early ones are colours and fine "
                    "grain, late ones large motifs. Empty: some of each, as suits the model. List Model Layers shows "
                    "their names.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, model: Judge, image: Tensor, layers: str, weight: float) -> io.NodeOutput:
        images = bridge.from_comfy_images(image).to(bridge.get_device())
        # 4: the model is shown four windows of the style image at once.
        bridge.load_judges([model], 4)
        with add_advice(UnknownLayerError, ". List Model Layers shows all"):
            return io.NodeOutput(weight * style(images, layers).on(model))


class ContentObjective(Node):
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
            advanced=["layer"],
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
            outputs=[Objective.Output("objective", tooltip="For an objective input of Direct Ascent Optimize.")],
        )

    @classmethod
    def execute(cls, model: Judge, image: Tensor, layer: str, weight: float) -> io.NodeOutput:
        # 2: `content` shows the model two views to find its layers.
        bridge.load_judges([model], 2)
        with add_advice(UnknownLayerError, ". List Model Layers shows all"):
            return io.NodeOutput(weight * content(bridge.from_comfy_images(image), layer).on(model))
