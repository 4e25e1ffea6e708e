"""The node Stack to Image."""

from comfy_api.latest import io

from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.render import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    check_scale,
    estimate_render_bytes,
    render_stack,
    scale_size,
)
from .. import bridge
from ..node import Node
from ..schema import Stack, schema


class StackToImage(Node):
    """The node that renders a stack as an image, at any size."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_StackToImage",
            display_name="Stack to Image",
            category="Direct Ascent",
            description=(
                "Render a stack as an image: its levels summed, squashed into 0..1, the margin cropped away. At "
                "another scale every level is resized by itself and then summed, which stays smoother than resizing "
                "the picture."
            ),
            search_aliases=["das", "render", "decode", "upscale", "resize"],
            inputs=[
                Stack.Input("stack", tooltip="From Image Stack (what an ascent starts from) or Optimize."),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=SMALLEST_SCALE,
                    max=LARGEST_SCALE,
                    step=0.25,
                    optional=True,
                    tooltip="The size of the picture, as a multiple of the stack's own. 0.5: a small one. 1: as it "
                    "is. 4: large and smooth; detail finer than the stack's is not made up.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip="The picture of every item of the batch.")],
        )

    @classmethod
    @bridge.enable_autograd
    def execute(cls, stack: ImageStack, scale: float = 1.0) -> io.NodeOutput:
        if scale == 1:
            return io.NodeOutput(bridge.to_comfy_images(stack.image()))
        check_scale(scale)
        (height, width), _ = scale_size(stack.spec, scale)
        bridge.check_memory(
            estimate_render_bytes(stack, scale),
            f"a picture of {width} x {height}",
            "choose a smaller scale",
            stack.canvas.device,
        )
        return io.NodeOutput(bridge.to_comfy_images(render_stack(stack, scale)))
