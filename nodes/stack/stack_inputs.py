"""The inputs of Image Stack: where its picture starts, and rarely used settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from comfy_api.latest import io
from torch import Tensor

from ...das_core.common.choices import check_choice
from ...das_core.stack.levels import linear_levels
from ...das_core.stack.parametrizations import OPERATORS, OperatorForm, ParametrizationName
from ...das_core.stack.pixels import ColorSpace
from ..schema import list_options, make_options, read_choice, tip

_OTHERS = tuple(name for name in OPERATORS if name != "pyramid")
_PARAMETRIZATIONS = ("multiples_of_4", "linear", *_OTHERS)

LEVEL_STEP = 4
"""The default distance between the resolutions of neighbouring levels."""

STARTS = ("gray", "noise", "image")
"""The options of `start_input`."""


def parametrization_input() -> Any:
    """Return the input that chooses what an ascent moves; `choose_parametrization` reads its value."""
    return io.DynamicCombo.Input(
        "parametrization",
        options=make_options(
            _PARAMETRIZATIONS,
            linear=[
                tip(
                    io.Int.Input("step", default=LEVEL_STEP, min=1, max=1024),
                    "Every step-th resolution. 1: all of them, the smoothest. 4: the reference. Above 32: few levels, "
                    "harsher pictures.",
                )
            ],
        ),
        tooltip="Which resolutions the stack is made of. multiples_of_4 leans toward large shapes; linear, the "
        "reference, also has a level of one pixel: a cast of colour. To compare with, without levels: "
        "pixels (adversarial grain), fourier (as in lucid).",
    )


def choose_parametrization(choice: dict[str, Any] | None, longest: int) -> tuple[tuple[int, ...], ParametrizationName]:
    """Return the chosen resolutions of the levels, and the parametrisation: what an ascent moves."""
    kind, settings = read_choice("parametrization", choice, _PARAMETRIZATIONS)
    if kind == "linear":
        return linear_levels(longest, settings["step"]), "pyramid"
    # Parametrisations without levels get resolutions too, because nodes that show or edit levels split the canvas into
    # levels of these resolutions.
    levels = linear_levels(longest, LEVEL_STEP, first=LEVEL_STEP)
    return levels, "pyramid" if kind == "multiples_of_4" else cast(ParametrizationName, kind)


def start_input() -> Any:
    """Return the input that chooses what the picture is before the first step; `read_choice` reads its value."""
    return io.DynamicCombo.Input(
        "start",
        options=make_options(
            STARTS,
            noise=[
                tip(
                    io.Float.Input("amplitude", default=1.0, min=0.0, max=10.0, step=0.05),
                    "How strong the noise is. 0.1: hardly visible. 0.5: a mood for every seed. 1: pictures differ "
                    "most, but its colours stay, also where they do not suit.",
                ),
                tip(
                    io.Float.Input("decay", default=0.4, min=0.01, max=2.0, step=0.05),
                    "How much weaker every finer octave is. 0.4: soft clouds. 0.7: patches. 1: grain.",
                ),
            ],
            image=[
                tip(
                    io.Float.Input("contrast", default=0.95, min=0.01, max=1.0, step=0.01),
                    "How much of the image's contrast to keep. 1: all, but pure black and white hardly move any more. "
                    "0.5: a pale copy that changes readily.",
                )
            ],
        ),
        tooltip="What the picture is before the first step. gray: as in the paper, and the surest. noise: soft clouds; "
        "pictures of different seeds differ most. image: the connected image.",
    )


SIZES = ("given", "image", "image_within")
"""The options of `size_input`."""


def size_input() -> Any:
    """Return the input that chooses where the size of the picture comes from; `choose_size` reads its value."""
    return tip(
        io.Combo.Input("size", options=list(SIZES), default="given"),
        "given: width x height, and an image is cut to that shape. image: as large as the connected image, for "
        "your own photos; a large one takes long. image_within: the shape of the image, shrunk to fit into "
        "width x height.",
    )


def choose_size(kind: str, width: int, height: int, image: Tensor | None) -> tuple[int, int]:
    """Return the width and the height of the picture in pixels, from those given or from an image (B, H, W, C)."""
    check_choice("size", kind, SIZES)
    if kind == "given":
        return width, height
    if image is None:
        raise ValueError(f"size is '{kind}' but no image is connected: connect one, or set size to given")
    tall, wide = image.shape[1:3]
    if kind == "image":
        return wide, tall
    scale = min(width / wide, height / tall, 1.0)
    return round(wide * scale), round(tall * scale)


def check_start(kind: str, image: bool, mask: bool) -> None:
    """Raise a ValueError when the choice of the start does not suit what is connected."""
    if mask and not image:
        raise ValueError("a mask is connected but no image: connect the image that stays where the mask is black")
    if kind == "image" and not image:
        raise ValueError("start is 'image' but no image is connected: connect one, or set start to gray or noise")
    if image and kind != "image" and not mask:
        raise ValueError(f"an image is connected but start is '{kind}', which ignores it: set start to 'image'")


_CHOICES = ("default", "custom")


@dataclass(frozen=True)
class Details:
    """The settings that the input `details` chooses; the defaults here are those of its option `default`."""

    margin: int = 56
    parametrization: Any = field(default_factory=lambda: {"parametrization": "multiples_of_4"})
    color: ColorSpace = "decorrelated"
    method: OperatorForm = "spectral"
    tile: bool = False
    feather: int = 0
    size: str = "given"


def details_input() -> Any:
    """Return the input that chooses the details of a stack; `read_details` reads its value."""
    return io.DynamicCombo.Input(
        "details",
        options=make_options(_CHOICES, custom=_list_settings()),
        tooltip="Margin, levels, colours, tiles, the edge of a mask, and where the size comes from. default: what "
        "suits a picture of its own. custom: each by itself; it begins with the same values.",
    )


def _list_settings() -> list[Any]:
    """Return the inputs inside the option `custom`, in the order in which workflow files store them."""
    return [
        tip(
            io.Int.Input("margin", default=56, min=0, max=4096),
            "Canvas beyond each edge that views may reach into and that is cropped away at the end, in pixels. 0: "
            "objects crowd away from the border. An eighth of the size: edges as good as the middle. A few pixels are "
            "added where the canvas then computes faster.",
        ),
        parametrization_input(),
        tip(
            io.Combo.Input("color", options=list_options(ColorSpace, "decorrelated"), default="decorrelated"),
            "Which colours move independently. decorrelated: those of natural images, which gives more natural hues. "
            "rgb: the paper's, often purple and green.",
        ),
        tip(
            io.Combo.Input("method", options=list_options(OperatorForm, "spectral"), default="spectral"),
            "How a step is spread over the levels. spectral: a filter, fastest, a few percent from the paper. layers: "
            "to the letter of the paper, slower with many levels; adam always takes it.",
        ),
        tip(
            io.Boolean.Input("tile", default=False),
            "On: the picture goes on at its opposite edges without a seam, for wallpapers and textures; views wrap "
            "around, so jitter and margin do nothing. Off: a picture with edges.",
        ),
        tip(
            io.Int.Input("feather", default=0, min=0, max=1024),
            "How many pixels the edge of the mask is soft, inward. 0: a hard edge. 8: hardly a seam. As wide as the "
            "mask: only its middle changes fully.",
        ),
        size_input(),
    ]


def read_details(choice: Mapping[str, Any] | None) -> Details:
    """Return the settings that are chosen at the input `details`: the defaults, unless the option is `custom`."""
    name, values = read_choice("details", choice, _CHOICES)
    # If the chosen option of `parametrization` does not exist, ComfyUI 0.8.0 leaves out its value. The value is then
    # None, and `choose_parametrization` raises an error.
    return Details(**({"parametrization": None} | values)) if name == "custom" else Details()
