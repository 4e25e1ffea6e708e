"""The input `details` of Image Stack, with rarely used settings: the canvas, its levels, its edges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from comfy_api.latest import io

from ...das_core.stack.color import ColorSpace
from ...das_core.stack.parametrizations import OperatorForm
from ..schema import list_options, make_options, read_choice, tip
from .stack_inputs import levels_input, size_input

_CHOICES = ("default", "custom")


@dataclass(frozen=True)
class Details:
    """The settings that the input `details` chooses; the defaults here are those of its option `default`."""

    margin: int = 56
    levels: Any = field(default_factory=lambda: {"levels": "multiples_of_4"})
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
        levels_input(),
        tip(
            io.Combo.Input("color", options=list_options(ColorSpace, "decorrelated"), default="decorrelated"),
            "Which colours move independently. decorrelated: those of natural images, which gives more natural hues. "
            "rgb: the paper's, often purple and green.",
        ),
        tip(
            io.Combo.Input("method", options=list_options(OperatorForm, "spectral"), default="spectral"),
            "How a step is spread over the levels. spectral: a filter, fastest, a few percent from the paper. layers: "
            "to the letter of the paper, slower with many levels; keeps every level as a tensor of its own, which adam "
            "works on.",
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
    # If the chosen option of `levels` does not exist, ComfyUI 0.8.0 leaves out the value of `levels`. The value is then
    # None, and `choose_levels` raises an error.
    return Details(**({"levels": None} | values)) if name == "custom" else Details()
