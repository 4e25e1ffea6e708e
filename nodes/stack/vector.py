"""The node Stack to SVG."""

from io import BytesIO

from comfy_api.latest import io

from ...das_core.looks.svg import NoShapesError
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.vector import draw_svg
from ..node import Node
from ..schema import Stack, add_advice, schema


class StackToSVG(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_StackToSVG",
            display_name="Stack to SVG",
            category="Direct Ascent",
            description="Draw a picture of few colours as shapes, sharp at every size: pixel art, posters, ink, "
            "stained glass or triangles. Connect svg to Save SVG.",
            aliases="svg, save svg, vector, export, plotter, laser, print",
            inputs=[Stack.Input("stack", tooltip="From Direct Ascent Optimize: its look knows the shapes.")],
            outputs=[io.SVG.Output("svg", tooltip="A drawing of every picture of the batch, for Save SVG.")],
        )

    @classmethod
    def execute(cls, stack: ImageStack) -> io.NodeOutput:
        with add_advice(NoShapesError, ". Connect Direct Ascent Look to Direct Ascent Optimize"):
            texts = [draw_svg(stack, number) for number in range(stack.batch)]
        return io.NodeOutput(io.SVG.Type([BytesIO(text.encode()) for text in texts]))
