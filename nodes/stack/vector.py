"""The node Save SVG."""

from comfy_api.latest import io

from ...das_core.looks.svg import NoShapesError
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.vector import draw_svg
from .. import bridge
from ..node import Node
from ..schema import Stack, add_advice, schema, tip


class SaveSVG(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_SaveSVG",
            display_name="Save SVG",
            category="Direct Ascent",
            description="Save a picture of few colours as shapes, sharp at every size: pixel art, posters, ink, "
            "stained glass, triangles, or a drawing's strokes. It goes to the output folder of ComfyUI.",
            aliases="vector, export, plotter, laser, print",
            inputs=[
                Stack.Input("stack", tooltip="From Optimize with a Look, for it knows the shapes."),
                tip(
                    io.String.Input("filename_prefix", default="direct_ascent"),
                    "What the files are called; a number is added. 'night/castle' puts them into a subfolder.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, stack: ImageStack, filename_prefix: str) -> io.NodeOutput:
        with add_advice(NoShapesError, ". Connect a Look to Optimize"):
            texts = [draw_svg(stack, number) for number in range(stack.batch)]
        return io.NodeOutput(ui={"images": bridge.save_svgs(texts, filename_prefix)})
