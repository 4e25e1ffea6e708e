"""The node Direct Ascent Augmentation, and its input `details` with rarely used settings."""

from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.recipe import VIEWED
from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from ...das_core.views.draws import NoiseKind
from ...das_core.views.plain_transforms import AnyTransform
from ...das_core.views.transforms import Distance, Flip, Grayscale, Noise
from ...das_core.views.windows import Windows
from ..node import Node
from ..schema import Augmentation as AugmentationSocket
from ..schema import list_options, make_options, read_choice, schema, tip


class Augmentation(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Augmentation",
            display_name="Direct Ascent Augmentation",
            category="Direct Ascent",
            description="How the models see the picture: many shifted, zoomed, mirrored and noisy views of it each "
            "step. What convinces a model in every view is an image; what convinces it in one is noise. "
            "Of all settings these matter most. Without this node Direct Ascent Optimize uses the views of its recipe.",
            aliases="cutouts, crops, jitter, noise, views",
            advanced=[
                "details.zoom_max",
                "details.zoom_start",
                "details.noise_kind",
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
                    io.Float.Input("zoom_min", default=Windows.zoom_min, min=0.02, max=1.0, step=0.005),
                    "The closest view, as a share of the canvas. 0.2: fine detail, and many small objects in place of "
                    "one. 0.9: one large object, coarse.",
                ),
                tip(
                    io.Float.Input("flip", default=0.5, min=0.0, max=1.0, step=0.05),
                    "How often a view is mirrored. 0: never, for text and clocks. 0.5: every second view.",
                ),
                details_input(),
            ],
            outputs=[AugmentationSocket.Output("augmentation", tooltip="For Direct Ascent Optimize.")],
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


_CHOICES = ("default", "custom")


def details_input() -> Any:
    """Return the input that chooses the details of an augmentation; `read_details` reads its value."""
    return io.DynamicCombo.Input(
        "details",
        options=make_options(_CHOICES, custom=_list_settings()),
        tooltip="Jitter, wide views, noise and colours. default: what suits most pictures, with jitter at most the "
        "margin. custom: each by itself; it begins with the same values.",
    )


def _list_settings() -> list[Any]:
    """Return the inputs inside the option `custom` of `details`, in the order in which workflow files store them."""
    return [
        tip(
            io.Int.Input("jitter", default=56, min=0, max=4096),
            "How far views may reach beyond the picture, into the margin, in pixels. 0: edges are seen less often "
            "than the middle. As large as the margin: they are equal. Never larger.",
        ),
        tip(
            io.Float.Input("zoom_max", default=Windows.zoom_max, min=0.02, max=1.0, step=0.005),
            "The widest view. 1: the whole canvas, so that the scene as a whole makes sense. Lower: a texture without "
            "a whole. 0.67 with zoom_min 0.67 are the paper's values.",
        ),
        tip(
            io.Float.Input("zoom_start", default=Windows.zoom_start, min=0.02, max=1.0, step=0.005),
            "Where zoom_min begins: while Direct Ascent Optimize is coarse, views open from here to zoom_min. High: "
            "first one whole scene, then detail. As low as zoom_min: all zooms from the start.",
        ),
        tip(
            io.Float.Input("noise", default=Noise.amplitude, min=0.0, max=10.0, step=0.01),
            "Noise added to every view. 0: fine patterns that only a model sees. 0.05: good. Above 0.1: grain, and "
            "fewer things are recognised.",
        ),
        tip(
            io.Combo.Input("noise_kind", options=list_options(NoiseKind, Noise.kind), default=Noise.kind),
            "gaussian: around the true value, noise is its standard deviation. uniform: brightens every view, as in "
            "the paper (there 0.2), and leaves the picture darker.",
        ),
        tip(
            io.Float.Input("grayscale", default=Grayscale.probability, min=0.0, max=1.0, step=0.05),
            "How often a view is shown without colour. 0: never, for what is known by its colour. 0.25: shapes that "
            "hold in grey too. 1: colours do not count.",
        ),
        tip(
            io.Float.Input("distance", default=Distance.probability, min=0.0, max=1.0, step=0.05),
            "How often a view is seen from afar, without what is fine. 0: never; texture may stand for the whole. "
            "0.33: whole shapes. 1: soft, without detail.",
        ),
    ]


def read_details(
    choice: Mapping[str, Any] | None, zoom_min: float, flip: float, before: tuple[AnyTransform, ...] = ()
) -> tuple[Windows, tuple[AnyTransform, ...]]:
    """Return the windows and the transforms of views."""
    name, values = read_choice("details", choice, _CHOICES)
    if name == "default":
        windows, noise = Windows(zoom_min=zoom_min, fitted=True), Noise()
        grayscale, distance = Grayscale.probability, Distance.probability
    else:
        windows = Windows(values["jitter"], zoom_min, values["zoom_max"], values["zoom_start"])
        noise = Noise(values["noise"], values["noise_kind"])
        grayscale, distance = values["grayscale"], values["distance"]
    # Defaults that a transform node has put before its own are replaced by those of `choice`. They are found by
    # identity, because another Augmentation may have added equal transforms, which do act twice.
    kept = [transform for transform in before if not any(transform is default for default in VIEWED)]
    grays = (Grayscale(grayscale),) if grayscale else ()
    distances = (Distance(distance),) if distance else ()
    return windows, (*kept, Flip(flip), *distances, *grays, noise)
