"""The node Stack Levels."""

from comfy_api.latest import io

from ...das_core.report.level_sheet import SMALLEST_TILE, estimate_sheet_bytes, render_level_sheets
from ...das_core.stack.image_stack import ImageStack
from .. import bridge
from ..node import Node
from ..schema import Stack, schema, tip


class StackLevels(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_StackLevels",
            display_name="Stack Levels",
            category="Direct Ascent/stack",
            description="Look into a stack: above, what every level holds alone; below, the picture that builds up "
            "from the coarsest to the finest. A stack of many levels is shown in octaves. Read here which "
            "resolutions to name in Edit Stack.",
            aliases="pyramid, layers, decompose, frequency",
            advanced=["size", "stretch"],
            inputs=[
                Stack.Input("stack", tooltip="From Direct Ascent Optimize, Image Stack, Load Stack or Edit Stack."),
                tip(
                    io.Int.Input("size", default=160, min=SMALLEST_TILE, max=1024, step=8),
                    "The long side of every small picture, in pixels. 96: an overview. 224 and more: detail.",
                ),
                tip(
                    io.Boolean.Input("stretch", default=True),
                    "Show faint levels stronger, by the factor that is written over them. Off: as they are, the fine "
                    "ones nearly grey.",
                ),
            ],
            outputs=[io.Image.Output("levels", tooltip="A sheet for every image of the batch.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, stack: ImageStack, size: int, stretch: bool) -> io.NodeOutput:
        bridge.check_memory(
            estimate_sheet_bytes(stack, size),
            f"a sheet of {stack.batch} x {len(stack.spec.levels)} levels",
            "choose a smaller size, or look into a smaller stack",
            stack.canvas.device,
        )
        sheets = bridge.to_comfy_images(render_level_sheets(stack, size, stretch=stretch))
        return io.NodeOutput(sheets, ui=bridge.show_result(cls, images=sheets))
