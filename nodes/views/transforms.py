"""The node Color Shift, which appends a transform to an augmentation."""

from dataclasses import replace

from comfy_api.latest import io

from ...das_core.ascent.recipe import PICTURE
from ...das_core.views.augmentation import Augmentation
from ...das_core.views.color_transforms import ColorShift as CoreColorShift
from ..node import Node
from ..schema import Augmentation as AugmentationSocket
from ..schema import schema, tip


class ColorShift(Node):
    """The node that shifts the colours of views; it replaces a `ColorShift` that the augmentation already has."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_ColorShift",
            display_name="Color Shift",
            category="Direct Ascent/views",
            description="Every view in other colours: brighter or darker, more or less contrast, tinted. What still "
            "convinces the model is shape: no single hue can carry the score. Takes the place of the color_shift of "
            "Augmentation.",
            aliases="augmentation, color jitter, brightness, contrast, hue, tint",
            inputs=[
                tip(
                    AugmentationSocket.Input("augmentation", optional=True),
                    "What happens to views before this; order matters. Without one: the defaults of Augmentation, "
                    "whose noise then comes first.",
                ),
                tip(
                    io.Float.Input("shift", default=CoreColorShift.shift, min=0.0, max=1.0, step=0.01),
                    "How far brightness moves, up or down, as a share of the range. 0: not. 0.2: good. 0.5: views are "
                    "often burnt out or black, and colours of the picture go wild.",
                ),
                tip(
                    io.Float.Input("scale", default=CoreColorShift.scale, min=0.0, max=3.0, step=0.05),
                    "How far contrast is multiplied or divided, as a natural logarithm. 0: not. 0.2: by up to 1.2. 1: "
                    "by up to 2.7, harsh.",
                ),
                tip(
                    io.Boolean.Input("per_channel", default=CoreColorShift.per_channel),
                    "On: red, green and blue each by themselves, which tints views. Off: together, only brightness "
                    "and contrast change and hues keep their meaning.",
                ),
            ],
            outputs=[AugmentationSocket.Output("augmentation", tooltip="For Optimize, or for the next node of views.")],
        )

    @classmethod
    def execute(
        cls, shift: float, scale: float, per_channel: bool, augmentation: Augmentation | None = None
    ) -> io.NodeOutput:
        # There is no widget for the jitter: one larger than the margin is reduced to it (`Windows.fitted`).
        before = PICTURE.augmentation if augmentation is None else augmentation
        others = [one for one in before.transforms if not isinstance(one, CoreColorShift)]
        return io.NodeOutput(replace(before, transforms=(*others, CoreColorShift(shift, scale, per_channel))))
