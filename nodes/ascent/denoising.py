"""The input of Optimize that chooses a denoiser."""

from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.denoising import Denoising
from ..schema import make_options, read_choice, tip

_CHOICES = ("on", "off")


def denoise_input() -> Any:
    """Return the input that chooses a denoiser and its settings; `read_denoising` reads its value."""
    return io.DynamicCombo.Input(
        "denoise",
        options=make_options(_CHOICES, on=_settings()),
        tooltip="Whether the picture is denoised a little after every step, which takes the hatching out again. on: "
        "painted, with even surfaces. off: engraved, as in the paper.",
    )


def _settings() -> list[Any]:
    """Return the inputs for the settings of a denoiser."""
    return [
        tip(
            io.Float.Input("strength", default=Denoising.strength, min=0.0, max=1.0, step=0.005),
            "What counts as hatching at the first step, as a share of the range from black to white; it suits any "
            "size of picture. 0: nothing. 0.01: some hatching is left. 0.018: painted. 0.1: flat colours.",
        ),
        tip(
            io.Float.Input("end_strength", default=Denoising.end, min=0.0, max=1.0, step=0.002),
            "The same at the last step. 0: hatching comes back. 0.006: texture of stone and fur. As much as strength: "
            "smooth to the end.",
        ),
        tip(
            io.Float.Input("blend", default=Denoising.share, min=0.01, max=1.0, step=0.05),
            "How far every step goes to the denoised picture. 0.3 suits 60 steps, 0.12 suits 150, 0.45 suits 30. 1: "
            "all the way, soft.",
        ),
        tip(
            io.Float.Input("keep", default=Denoising.keep, min=0.0, max=1.0, step=0.005),
            "How firmly the photograph around a mask comes back where little has changed (without a mask: the start "
            "of the stack). 0: not. 0.03: around the subject, so that the edge of the mask hardly shows; begin with "
            "start image. 0.1: hardly anything new is left.",
        ),
    ]


def read_denoising(choice: dict[str, Any] | None) -> Denoising | None:
    """Return the denoiser with its settings, or None if `off` is chosen."""
    chosen, settings = read_choice("denoise", choice, _CHOICES)
    if chosen == "off":
        return None
    strength, end, share, keep = (settings[name] for name in ("strength", "end_strength", "blend", "keep"))
    return Denoising(strength=strength, end=end, share=share, keep=keep)
