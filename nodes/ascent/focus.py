"""The input of Optimize that chooses the focus: where a picture begins to change."""

from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.focus import Focus
from ..schema import make_options, read_choice, tip

_CHOICES = ("center", "everywhere")


def focus_input() -> Any:
    """Return the input that chooses the focus and its settings; `read_focus` reads its value."""
    return io.DynamicCombo.Input(
        "focus",
        options=make_options(
            _CHOICES,
            center=[
                tip(
                    io.Float.Input("start", default=Focus.start, min=0.05, max=100.0, step=0.05),
                    "How wide the window is at the first step, in halves of the canvas (margin included). 0.15: a "
                    "spot in the middle. 0.3: one object. 1: nearly everywhere.",
                ),
                tip(
                    io.Float.Input("end", default=Focus.end, min=0.05, max=100.0, step=0.05),
                    "How wide it becomes. 1.2: the corners of the canvas move half as far as the middle, before a "
                    "plain ground. 3: all of the picture nearly alike, a fuller scene. Not below start.",
                ),
                tip(
                    io.Float.Input("share", default=Focus.share, min=0.0, max=1.0, step=0.05),
                    "Share of the steps over which it opens. 0: open from the first step. 0.7: the picture grows from "
                    "its middle. 1: the edges come last.",
                ),
                tip(
                    io.Float.Input("emphasis", default=Focus.emphasis, min=0.0, max=4.0, step=0.1),
                    "How much more detail grows where the models look. 0: the ground is as busy as the subject. 1: "
                    "one subject before a calm ground. 2: hardly any ground.",
                ),
            ],
        ),
        tooltip="Where the picture begins. center: in its middle, or in that of a mask or region, from where it grows: "
        "one whole object. everywhere: all over at once, for wide scenes and textures, for tiles, and for a start "
        "image that should change evenly.",
    )


def read_focus(choice: dict[str, Any] | None) -> Focus | None:
    """Return the chosen focus, or None if `everywhere` is chosen."""
    kind, settings = read_choice("focus", choice, _CHOICES)
    return Focus(**settings) if kind == "center" else None
