"""The node Stack to Image."""

from comfy_api.latest import io

from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.render import (
    LARGEST_SCALE,
    MOST_SHOWN,
    SMALLEST_SCALE,
    NoFilmError,
    estimate_render_bytes,
    render_film,
    render_stack,
    render_zoom,
    scale_size,
)
from .. import bridge
from ..node import Node
from ..schema import Stack, add_advice, schema, tip


class StackToImage(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_StackToImage",
            display_name="Stack to Image",
            category="Direct Ascent",
            description="Render a stack as an image: its levels summed, squashed into 0..1, the margin cropped away. "
            "At another scale every level is resized by itself and then summed, which stays smoother than "
            "resizing the picture. A film or a zoom is rendered with as many frames as you like.",
            aliases="render, decode, upscale, resize, film, video, gif, frames, frame interpolation",
            advanced=["out"],
            inputs=[
                Stack.Input("stack", tooltip="From Image Stack (where an ascent starts) or Direct Ascent Optimize."),
                tip(
                    io.Float.Input(
                        "scale", default=1.0, min=SMALLEST_SCALE, max=LARGEST_SCALE, step=0.05, optional=True
                    ),
                    "The size of the picture, as a multiple of the stack's own. 0.5: a small one. 1: as it is. 4: "
                    "large and smooth; detail finer than the stack's is not made up.",
                ),
                tip(
                    io.Int.Input("frames", default=0, min=0, max=MOST_SHOWN, optional=True),
                    "For a film or a zoom: how many frames to show of it, evenly from its beginning to its end. 0: "
                    "those, or the depths, that it has. 48: of a loop of 12 frames each, and three between it and the "
                    "next; of a zoom of 3 depths about 24 from each to the next.",
                ),
                tip(
                    io.Boolean.Input("out", default=False, optional=True),
                    "For a zoom. Off: the frames go in, from the outermost depth to the innermost. On: they go out. "
                    "Does nothing to other stacks.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "image", tooltip="The picture of every item of the batch, or every frame of a film or a zoom."
                )
            ],
        )

    @classmethod
    def execute(cls, stack: ImageStack, scale: float = 1.0, frames: int = 0, out: bool = False) -> io.NodeOutput:
        time, zoom = stack.spec.time, stack.spec.zoom
        if scale == 1 and not frames and (zoom is None or not out):
            return io.NodeOutput(bridge.to_comfy_images(stack.image()))
        (height, width), _ = scale_size(stack.spec, scale)
        still = time is None and zoom is None and not frames
        count = frames or stack.batch
        what, advice = ("a picture", "choose a smaller scale")
        if not still:
            what, advice = f"{count} frames", "choose fewer frames or a smaller scale"
        needed = estimate_render_bytes(stack, scale, None if still else count)
        bridge.check_memory(needed, f"{what} of {width} x {height}", advice, stack.canvas.device)
        if still:
            return io.NodeOutput(bridge.to_comfy_images(render_stack(stack, scale)))
        if zoom is not None:
            return io.NodeOutput(bridge.to_comfy_images(render_zoom(stack, count, scale=scale, out=out)))
        with add_advice(NoFilmError, ". Film Stack makes a film of it, Zoom Stack a zoom; or set frames to 0"):
            return io.NodeOutput(bridge.to_comfy_images(render_film(stack, frames or None, scale)))
