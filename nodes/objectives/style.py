"""The node Style Objective."""

from comfy_api.latest import io
from torch import Tensor

from ...das_core.models.judge import Judge
from ...das_core.models.layers.layer import UnknownLayerError
from ...das_core.objectives import style as core
from .. import bridge
from ..node import Node
from ..schema import Objective, add_advice, model_input, schema, tip, weight_input

_RESERVED_VIEWS = 4
"""The number of views that memory is reserved for: the model is shown four windows of the style image at once."""


class StyleObjective(Node):
    """The node that asks for the style of an image."""

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
            inputs=[
                model_input(),
                tip(
                    io.Image.Input("image"),
                    "The image whose style is taken, of any size from 16 x 16. A batch is one style, the mean.",
                ),
                tip(
                    io.String.Input("layers", default="", multiline=True),
                    "Layers to compare, one a line, with ': weight' if you like. Early ones are colours and fine "
                    "grain, late ones large motifs. Empty: some of each, as suits the model. List Layers shows their "
                    "names.",
                ),
                weight_input(),
            ],
            outputs=[Objective.Output("objective", tooltip="For one of the objective inputs of Optimize.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, model: Judge, image: Tensor, layers: str, weight: float) -> io.NodeOutput:
        images = bridge.from_comfy_images(image).to(bridge.get_device())
        bridge.load_judges([model], _RESERVED_VIEWS)
        with add_advice(UnknownLayerError, ". List Layers shows all"):
            return io.NodeOutput(core.style_objective(model, images, layers, weight))
