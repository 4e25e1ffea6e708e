"""The node Augmentation."""

from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from ...das_core.common.curves import Curve
from ...das_core.views.augmentation import Augmentation as CoreAugmentation
from ...das_core.views.color_transforms import ColorShift, Grayscale
from ...das_core.views.draws import NoiseKind
from ...das_core.views.transforms import Flip, Noise
from ...das_core.views.windows import Windows
from ..node import Node
from ..schema import Augmentation as AugmentationSocket
from ..schema import list_options, make_options, read_choice, schema

_OVER_TIME = ("constant", "scheduled")


class Augmentation(Node):
    """The node that defines the views of an ascent: their number, windows, flips and noise."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_Augmentation",
            display_name="Augmentation",
            category="Direct Ascent",
            description=(
                "How the models see the picture: many shifted, zoomed, mirrored and noisy views of it each step. "
                "What convinces a model in every view is an image; what convinces it in one is noise. Of all settings "
                "these matter most. Without this node Optimize uses its defaults, with jitter at most the margin."
            ),
            search_aliases=["das", "direct ascent", "cutouts", "crops", "jitter", "noise", "views"],
            advanced=["zoom_max", "zoom_start", "noise_kind", "over_time", "color_shift", "grayscale"],
            inputs=[
                AugmentationSocket.Input(
                    "augmentation",
                    optional=True,
                    tooltip="An augmentation whose transforms come first; views and windows are this node's.",
                ),
                io.Int.Input(
                    "views",
                    default=16,
                    min=1,
                    max=512,
                    tooltip="Views of every image a step. 4: quick and rough. 16: good. 64: steadier, four times the "
                    "time of 16.",
                ),
                io.Int.Input(
                    "jitter",
                    default=56,
                    min=0,
                    max=4096,
                    tooltip="How far views may reach beyond the picture, into the margin, in pixels. 0: edges are seen "
                    "less often than the middle. As large as the margin: they are equal. Never larger.",
                ),
                io.Float.Input(
                    "zoom_min",
                    default=Windows.zoom_min,
                    min=0.02,
                    max=1.0,
                    step=0.01,
                    tooltip="The closest view, as a share of the canvas. 0.2: fine detail, and many small objects in "
                    "place of one. 0.9: one large object, coarse.",
                ),
                io.Float.Input(
                    "zoom_max",
                    default=Windows.zoom_max,
                    min=0.02,
                    max=1.0,
                    step=0.01,
                    tooltip="The widest view. 1: the whole canvas, so that the scene as a whole makes sense. Lower: a "
                    "texture without a whole. 0.67 with zoom_min 0.67 is the reference.",
                ),
                io.Float.Input(
                    "zoom_start",
                    default=Windows.zoom_start,
                    min=0.02,
                    max=1.0,
                    step=0.01,
                    tooltip="Where zoom_min begins: while Optimize is coarse, views open from here to zoom_min. High: "
                    "first one whole scene, then detail. As low as zoom_min: all zooms from the start.",
                ),
                io.Float.Input(
                    "noise",
                    default=Noise.amplitude,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="Noise added to every view. 0: fine patterns that only a model sees. 0.05: good. "
                    "Above 0.1: grain, and fewer things are recognised.",
                ),
                io.Float.Input(
                    "flip",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How often a view is mirrored. 0: never, for text and clocks. 0.5: every second view.",
                ),
                io.Combo.Input(
                    "noise_kind",
                    options=list_options(NoiseKind, Noise.kind),
                    default=Noise.kind,
                    tooltip="gaussian: around the true value, noise is its standard deviation. uniform: "
                    "brightens every view, as in the reference (there 0.2), and leaves the picture darker.",
                ),
                io.DynamicCombo.Input(
                    "over_time",
                    optional=True,
                    options=make_options(
                        _OVER_TIME,
                        scheduled=[
                            io.Float.Input(
                                "noise_end",
                                default=0.02,
                                min=0.0,
                                max=10.0,
                                step=0.01,
                                tooltip="Noise at the last step. Lower than noise: shapes that stand noise first, "
                                "clean detail at the end. As high as noise: no change.",
                            ),
                            io.Int.Input(
                                "jitter_end",
                                default=56,
                                min=0,
                                max=4096,
                                tooltip="Jitter at the last step, in pixels. Low: the end goes to the picture "
                                "itself, edges get less. As high as the margin: edges stay as good as the middle.",
                            ),
                            io.Float.Input(
                                "zoom_min_end",
                                default=0.3,
                                min=0.02,
                                max=1.0,
                                step=0.01,
                                tooltip="The closest view at the last step. 0.1: ends on fine detail everywhere. "
                                "0.9: ends on the picture as a whole.",
                            ),
                            io.Combo.Input(
                                "curve",
                                options=list_options(Curve, "linear"),
                                default="linear",
                                tooltip="How they go there. linear: evenly. cosine: slowly at both ends. step: at "
                                "once, half-way.",
                            ),
                        ],
                    ),
                    tooltip="Whether noise, jitter and zoom_min change over the ascent. constant: they stay. "
                    "scheduled: each goes from its value above to its end value.",
                ),
                io.Float.Input(
                    "color_shift",
                    optional=True,
                    default=ColorShift.shift,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How much the brightness and contrast of each colour change from view to view. 0: not at "
                    "all; paler, and colours matter more. 0.2: clear shapes. Above 0.5: colours run wild. A Color "
                    "Shift that comes in takes its place.",
                ),
                io.Float.Input(
                    "grayscale",
                    optional=True,
                    default=Grayscale.probability,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How often a view is shown without colour. 0: never, for what is known by its colour. "
                    "0.25: shapes that hold in grey too. 1: colours do not count.",
                ),
            ],
            outputs=[AugmentationSocket.Output("augmentation", tooltip="For Optimize.")],
        )

    @classmethod
    def execute(
        cls,
        views: int,
        jitter: int,
        zoom_min: float,
        zoom_max: float,
        zoom_start: float,
        noise: float,
        flip: float,
        noise_kind: NoiseKind,
        over_time: dict[str, Any] | None = None,
        augmentation: CoreAugmentation | None = None,
        color_shift: float = 0.0,
        grayscale: float = 0.0,
    ) -> io.NodeOutput:
        # The last two came after version 0.1.0: a prompt without them gets what changes nothing, the page its defaults.
        kind, ends = read_choice("over_time", over_time or "constant", _OVER_TIME)
        windows = Windows(jitter, zoom_min, zoom_max, zoom_start)
        noises = Noise(noise, noise_kind)
        if kind == "scheduled":
            curve: Curve = ends["curve"]
            windows = replace(windows, jitter_end=ends["jitter_end"], zoom_min_end=ends["zoom_min_end"], curve=curve)
            noises = replace(noises, amplitude_end=ends["noise_end"], curve=curve)
        before = () if augmentation is None else augmentation.transforms
        is_shifted = any(isinstance(transform, ColorShift) for transform in before)
        colors = (ColorShift(color_shift, color_shift),) if color_shift and not is_shifted else ()
        grays = (Grayscale(grayscale),) if grayscale else ()
        return io.NodeOutput(CoreAugmentation(views, windows, (*before, Flip(flip), *colors, *grays, noises)))
