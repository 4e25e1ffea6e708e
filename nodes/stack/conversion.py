"""The nodes Film Stack and Zoom Stack."""

from comfy_api.latest import io

from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.stack.conversion import as_film, as_zoom
from ...das_core.stack.image_stack import ImageStack
from ...das_core.stack.time import MOST_FRAMES, Time
from ...das_core.stack.zoom import LARGEST_FACTOR, LEAST_FACTOR, MOST_DEPTHS, Zoom
from .. import bridge
from ..node import Node
from ..schema import Stack, schema, tip

_EXAMPLE = 24
"""The default number of frames."""


class FilmStack(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_FilmStack",
            display_name="Film Stack",
            category="Direct Ascent",
            description="Make a film of a stack: frames that climb together, each like its neighbours, in little more "
            "time than a picture. It has levels in time, too: what all frames share moves far, what "
            "differs from frame to frame moves little. Direct Ascent Keyframes says what each is to show; without them "
            "all are asked for the same.",
            aliases="video, gif, animation, morph, loop, length, frames, time",
            inputs=[
                tip(
                    Stack.Input("stack"),
                    "What the film starts from. One picture stands still; a batch, such as the frames of a video, is "
                    "spread over the film. A film gets more or fewer frames.",
                ),
                tip(
                    io.Int.Input("frames", default=_EXAMPLE, min=0, max=MOST_FRAMES),
                    "How many frames climb. 12: quick. 24: two seconds. 0: one for each picture of the stack. Stack "
                    "to Image shows more, in between.",
                ),
                tip(
                    io.Boolean.Input("loop", default=False),
                    "On: the last frame is followed by the first, for a film without an end. Off: it has a beginning "
                    "and an end.",
                ),
            ],
            outputs=[Stack.Output("stack", tooltip="For Direct Ascent Optimize; all its frames are one batch.")],
        )

    @classmethod
    def execute(cls, stack: ImageStack, frames: int, loop: bool) -> io.NodeOutput:
        count = frames or stack.batch
        if count == 1:
            raise ValueError(
                f"1 frame is a picture and no film; set frames to 2 or more, such as {_EXAMPLE}, or leave this node out"
            )
        time = Time(count, loop=loop)
        width, height = stack.spec.width, stack.spec.height
        bridge.check_memory(
            estimate_ascent_bytes(stack.spec, count),
            f"an ascent of {count} frames of {width} x {height}",
            "take fewer frames (Stack to Image shows more, in between), or a smaller picture",
        )
        return io.NodeOutput(as_film(stack, time))


class ZoomStack(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ZoomStack",
            display_name="Zoom Stack",
            category="Direct Ascent",
            description="Make an infinite zoom of a stack: depths, pictures each of which lies in the middle of the "
            "one before. They climb together, seen from near and from far, so that each goes over into "
            "the next. Direct Ascent Keyframes says what each is to show, by its number: 0 is the outermost. Stack to "
            "Image makes the film.",
            aliases="infinite zoom, deep zoom, droste, video, gif, animation",
            advanced=["factor"],
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
                    io.Float.Input("factor", default=2.5, min=LEAST_FACTOR, max=LARGEST_FACTOR, step=0.05),
                    "How much smaller each is than the one that holds it. 2: each is a frame around the next. 4: the "
                    "next is a small thing in its middle.",
                ),
                tip(
                    io.Boolean.Input("loop", default=False),
                    "On: the last depth holds the first, for a film without an end. Off: it has a beginning and an "
                    "end.",
                ),
            ],
            outputs=[Stack.Output("stack", tooltip="For Direct Ascent Optimize; its depths are one batch.")],
        )

    @classmethod
    def execute(cls, stack: ImageStack, depths: int, factor: float, loop: bool) -> io.NodeOutput:
        zoom = Zoom(depths, factor, loop)
        width, height = stack.spec.width, stack.spec.height
        bridge.check_memory(
            estimate_ascent_bytes(stack.spec, depths),
            f"an ascent of {depths} depths of {width} x {height}",
            "take fewer depths, or a smaller picture",
        )
        return io.NodeOutput(as_zoom(stack, zoom))
