"""The node List Model Layers."""

from comfy_api.latest import io

from ...das_core.models.judge import Judge
from ...das_core.models.layers.default_layers import describe_layers
from .. import bridge
from ..node import Node
from ..schema import model_input, schema, tip


class ListLayers(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ListLayers",
            display_name="List Model Layers",
            category="Direct Ascent/inspect",
            description="List what the layers of a model are called and what comes out of them, for Style, Content "
            "and Feature Objective. The list appears on the node.",
            aliases="layer names, modules, architecture, summary, interpretability",
            inputs=[
                model_input(),
                tip(
                    io.String.Input("search", default=""),
                    "Only layers with all of these words in their name or kind, such as 'blocks.3 conv'. A long "
                    "search shows few layers, an empty one all.",
                ),
            ],
            outputs=[io.String.Output("text", tooltip="A layer a line: name, shape, kind, in the order they run.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, model: Judge, search: str) -> io.NodeOutput:
        # 2: `describe_layers` shows the model two views.
        bridge.load_judges([model], 2)
        text = describe_layers(model, search)
        return io.NodeOutput(text, ui=bridge.show_result(cls, text))
