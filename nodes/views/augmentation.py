"""The node Augmentation."""

from typing import Any

from comfy_api.latest import io

from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from ...das_core.views.windows import Windows
from ..node import Node
from ..schema import Augmentation as AugmentationSocket
from ..schema import schema, tip
from .details import details_input, read_details


class Augmentation(Node):
    """The node that defines the views of an ascent: their number, their windows and their transforms, such as flips."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Augmentation",
            display_name="Augmentation",
            category="Direct Ascent",
            description="How the models see the picture: many shifted, zoomed, mirrored and noisy views of it each "
            "step. What convinces a model in every view is an image; what convinces it in one is noise. "
            "Of all settings these matter most. Without this node Optimize uses the views of its recipe.",
            aliases="cutouts, crops, jitter, noise, views",
            advanced=[
                "details.zoom_max",
                "details.zoom_start",
                "details.noise_kind",
                "details.over_time",
                "details.color_shift",
                "details.grayscale",
                "details.distance",
            ],
            inputs=[
                tip(
                    AugmentationSocket.Input("augmentation", optional=True),
                    "An augmentation whose transforms come first, without the defaults that it began with; views and "
                    "windows are this node's.",
                ),
                tip(
                    io.Int.Input("views", default=16, min=1, max=512),
                    "Views of every image a step. 4: quick and rough. 16: good. 64: steadier, four times the time of "
                    "16.",
                ),
                tip(
                    io.Float.Input("zoom_min", default=Windows.zoom_min, min=0.02, max=1.0, step=0.01),
                    "The closest view, as a share of the canvas. 0.2: fine detail, and many small objects in place of "
                    "one. 0.9: one large object, coarse.",
                ),
                tip(
                    io.Float.Input("flip", default=0.5, min=0.0, max=1.0, step=0.05),
                    "How often a view is mirrored. 0: never, for text and clocks. 0.5: every second view.",
                ),
                details_input(),
            ],
            outputs=[AugmentationSocket.Output("augmentation", tooltip="For Optimize.")],
        )

    @classmethod
    def execute(
        cls,
        views: int,
        zoom_min: float,
        flip: float,
        details: dict[str, Any] | None = None,
        augmentation: CoreAugmentation | None = None,
    ) -> io.NodeOutput:
        before = () if augmentation is None else augmentation.transforms
        windows, transforms = read_details(details, zoom_min, flip, before)
        return io.NodeOutput(CoreAugmentation(views, windows, transforms))
