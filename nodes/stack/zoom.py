"""The node Zoom Stack."""

from comfy_api.latest import io

from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.stack.conversion import as_zoom
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.zoom import LARGEST_FACTOR, LEAST_FACTOR, MOST_DEPTHS, Zoom
from .. import bridge
from ..node import Node
from ..schema import Stack, schema, tip


class ZoomStack(Node):
    """The node that makes a zoom from a stack: pictures, each of which has the next one in its middle."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ZoomStack",
            display_name="Zoom Stack",
            category="Direct Ascent",
            description="Make an infinite zoom of a stack: depths, pictures each of which lies in the middle of the "
            "one before. They climb together, seen from near and from far, so that each goes over into "
            "the next. Keyframes says what each is to show, by its number: 0 is the outermost. Stack to "
            "Image makes the film.",
            aliases="infinite zoom, deep zoom, droste, video, animation",
            inputs=[
                tip(
                    Stack.Input("stack"),
                    "What the zoom starts from: a picture that all depths start from, or one for each. Of its margin "
                    "at most an eighth of the picture is kept. With a mask or as a tile: refused.",
                ),
                tip(
                    io.Int.Input("depths", default=6, min=2, max=MOST_DEPTHS),
                    "How many pictures lie in each other. 2: one in another. 6: ten seconds of film. Time grows with "
                    "it.",
                ),
                tip(
                    io.Float.Input("factor", default=2.5, min=LEAST_FACTOR, max=LARGEST_FACTOR, step=0.25),
                    "How much smaller each is than the one that holds it. 2: each is a frame around the next. 4: the "
                    "next is a small thing in its middle.",
                ),
                tip(
                    io.Boolean.Input("loop", default=False),
                    "On: the last depth holds the first, for a film without an end. Off: it has a beginning and an "
                    "end.",
                ),
            ],
            outputs=[Stack.Output("stack", tooltip="For Optimize; its depths are one batch.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, stack: ImageStack, depths: int, factor: float, loop: bool) -> io.NodeOutput:
        zoom = Zoom(depths, factor, loop)
        width, height = stack.spec.width, stack.spec.height
        bridge.check_memory(
            estimate_ascent_bytes(stack.spec, depths),
            f"an ascent of {depths} depths of {width} x {height}",
            "take fewer depths, or a smaller picture",
        )
        return io.NodeOutput(as_zoom(stack, zoom))
