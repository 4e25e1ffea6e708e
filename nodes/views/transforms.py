"""The nodes Color Shift, Perspective and Patch Mask, each of which appends one transform to an augmentation."""

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.recipe import PICTURE
from ...das_core.views import transforms as core
from ...das_core.views.augmentation import Augmentation
from ...das_core.views.color_transforms import ColorShift as CoreColorShift
from ...das_core.views.perspective import FARTHEST_CORNER
from ...das_core.views.transforms import Transform
from ..node import Node
from ..schema import Augmentation as AugmentationSocket
from ..schema import list_options, schema, tip


def _make_schema(node_id: str, display_name: str, description: str, aliases: str, inputs: list[Any]) -> io.Schema:
    """Return the schema of a node that appends a transform; `inputs` are the settings of the transform."""
    chain = tip(
        AugmentationSocket.Input("augmentation", optional=True),
        "What happens to views before this; order matters. Without one: the defaults of Augmentation, whose "
        "noise then comes first.",
    )
    return schema(
        node_id=node_id,
        display_name=display_name,
        category="Direct Ascent/views",
        description=description,
        aliases=f"augmentation, {aliases}",
        inputs=[chain, *inputs],
        outputs=[AugmentationSocket.Output("augmentation", tooltip="For Optimize, or for the next node of views.")],
    )


_DEFAULT = PICTURE.augmentation
"""The augmentation to which a transform is appended if no augmentation is connected. A jitter larger than the margin of
the stack is reduced to the margin (`Windows.fitted`), because these nodes have no widget for the jitter."""


def _append(augmentation: Augmentation | None, transform: Transform) -> io.NodeOutput:
    """Return the output of a node: the augmentation, with one more transform at the end."""
    before = _DEFAULT if augmentation is None else augmentation
    return io.NodeOutput(replace(before, transforms=(*before.transforms, transform)))


class ColorShift(Node):
    """The node that shifts the colours of views; it replaces a `ColorShift` that the augmentation already has."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _make_schema(
            "DAS_ColorShift",
            "Color Shift",
            "Every view in other colours: brighter or darker, more or less contrast, tinted. What still convinces the "
            "model is shape: no single hue can carry the score. Takes the place of the color_shift of Augmentation.",
            "color jitter, brightness, contrast, hue, tint",
            [
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
        )

    @classmethod
    def execute(
        cls, shift: float, scale: float, per_channel: bool, augmentation: Augmentation | None = None
    ) -> io.NodeOutput:
        before = _DEFAULT if augmentation is None else augmentation
        others = tuple(one for one in before.transforms if not isinstance(one, CoreColorShift))
        return _append(replace(before, transforms=others), CoreColorShift(shift, scale, per_channel))


class Perspective(Node):
    """The node that lets an augmentation warp views at random, as if they were seen from other angles."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _make_schema(
            "DAS_Perspective",
            "Perspective",
            "Every view seen a little askew, as from another place: its corners are pulled inward at random. Shapes "
            "have to hold from there too: no one exact geometry can carry the score.",
            "tilt, warp, distortion, homography, affine, shear",
            [
                tip(
                    io.Float.Input(
                        "distortion", default=core.Perspective.distortion, min=0.0, max=FARTHEST_CORNER, step=0.01
                    ),
                    "How far corners move inward, as a share of the side. 0: not at all. 0.15: good. 0.33: strongly "
                    "askew, and closer, for less of the view is left.",
                )
            ],
        )

    @classmethod
    def execute(cls, distortion: float, augmentation: Augmentation | None = None) -> io.NodeOutput:
        return _append(augmentation, core.Perspective(distortion))


class PatchMask(Node):
    """The node that hides rectangles of views."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _make_schema(
            "DAS_PatchMask",
            "Patch Mask",
            "Hide random rectangles of every view. The model has to be convinced by what is left, so the evidence "
            "spreads over the whole object, and no single spot can carry the score.",
            "cutout, random erasing, dropout, occlusion, patches",
            [
                tip(
                    io.Int.Input("patches", default=core.PatchMask.patches, min=0, max=64),
                    "Rectangles hidden in every view. 0: none. 2: good. 16: little is left to see, and many small "
                    "things appear in place of one.",
                ),
                tip(
                    io.Float.Input("size", default=core.PatchMask.size, min=0.01, max=1.0, step=0.01),
                    "Longest side of a rectangle, as a share of the view's; the shortest is half of it. 0.1: specks. "
                    "0.3: good. 1: most of the view.",
                ),
                tip(
                    io.Combo.Input(
                        "fill", options=list_options(core.Fill, core.PatchMask.fill), default=core.PatchMask.fill
                    ),
                    "What is seen in their place. mean: the mean colour of the view, hardly noticed. gray: always "
                    "mid-grey, which stands out in bright and dark pictures.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, patches: int, size: float, fill: core.Fill, augmentation: Augmentation | None = None
    ) -> io.NodeOutput:
        return _append(augmentation, core.PatchMask(patches, size, fill))
