"""The node Edit Stack."""

from comfy_api.latest import io

from ...das_core.stack.bands import EmptyBandError, parse_bands, parse_gains
from ...das_core.stack.decomposition import estimate_decomposition_bytes
from ...das_core.stack.edit import edit_stack, scale_changes
from ...das_core.stack.image_stack import ImageStack
from .. import bridge
from ..node import Node
from ..schema import Stack, add_advice, schema, tip


class EditStack(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_EditStack",
            display_name="Edit Stack",
            category="Direct Ascent/stack",
            description="Change a picture by its resolutions: weaken or strengthen a band, take back what ascents did "
            "to it, freeze it for ascents to come, or mix in another stack, all of it or a band. A film "
            "can be made smoother in time, too. A band is written as resolutions along the long side of "
            "the canvas, '1-16' for large shapes, '65-' for all fine detail; Stack Levels shows them. "
            "Direct Ascent Optimize goes on from the result.",
            aliases="equalizer, blend, mix, freeze, frequency, hybrid image",
            advanced=["reset", "blend", "blend_bands", "changes"],
            inputs=[
                Stack.Input("stack", tooltip="What to change, from Direct Ascent Optimize, Image Stack or Load Stack."),
                tip(
                    Stack.Input("other", optional=True),
                    "A stack of the same size and margin to mix in. Its levels and colours may be others.",
                ),
                tip(
                    io.String.Input("gains", default="", multiline=True),
                    "A band and a factor on each line: '1-16: 0.5' halves the large shapes, '65-: 2' doubles the fine "
                    "detail, 0 takes a band out, -1 turns it into its negative. Empty: all as it is.",
                ),
                tip(
                    io.String.Input("reset", default=""),
                    "Bands that go back to what the stack started from, apart by commas: '65-' takes back the fine "
                    "detail. Empty: none.",
                ),
                tip(
                    io.String.Input("freeze", default=""),
                    "Bands that later ascents leave as they are, apart by commas: with '1-16' the composition stays "
                    "and detail is made anew. Empty: nothing is frozen, nor what was frozen before.",
                ),
                tip(
                    io.Float.Input("blend", default=0.5, min=0.0, max=1.0, step=0.05),
                    "How much of the other stack is mixed in. 0: nothing. 0.5: half of each. 1: the other alone. "
                    "Without another stack it changes nothing.",
                ),
                tip(
                    io.String.Input("blend_bands", default=""),
                    "The bands that are mixed. Empty: all. '17-' with blend 1: the large shapes of this stack under "
                    "the detail of the other.",
                ),
                tip(
                    io.String.Input("changes", default="", multiline=True, optional=True),
                    "Of a film: a band of changes in time and a factor on each line. 1 goes once from end to end, 2 "
                    "there and back, and so on. '1-: 0' holds it still, '8-: 0' makes it smoother, '1-: 2' "
                    "exaggerates. Empty: all as it is.",
                ),
            ],
            outputs=[Stack.Output("stack", tooltip="For Direct Ascent Optimize, Stack to Image or Save Stack.")],
        )

    @classmethod
    def execute(
        cls,
        stack: ImageStack,
        gains: str,
        reset: str,
        freeze: str,
        blend: float,
        blend_bands: str,
        other: ImageStack | None = None,
        changes: str = "",
    ) -> io.NodeOutput:
        bridge.check_memory(
            estimate_decomposition_bytes(stack),
            f"editing {stack.batch} x {len(stack.spec.levels)} levels",
            "edit a smaller stack, or one with fewer levels",
            stack.canvas.device,
        )
        with add_advice(EmptyBandError, "; Stack Levels shows them"):
            edited = edit_stack(
                stack,
                gains=parse_gains(gains),
                reset=parse_bands(reset),
                freeze=parse_bands(freeze),
                other=other,
                blend=blend,
                blend_bands=parse_bands(blend_bands),
            )
        if scaled := parse_gains(changes):
            edited = scale_changes(edited, scaled)
        return io.NodeOutput(edited)
