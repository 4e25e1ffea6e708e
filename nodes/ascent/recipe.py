"""The inputs of Optimize that choose its recipe and its focus."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from comfy_api.latest import io

from ...das_core.ascent.focus import Focus
from ...das_core.ascent.pace import ScheduleName
from ...das_core.ascent.preparation import MOST_STEPS
from ...das_core.ascent.recipe import RECIPES, Recipe, suit_stack
from ...das_core.stack.image_stack import ImageStack
from ..schema import list_options, make_options, read_choice, tip
from .denoising import denoise_input, read_denoising
from .optimizers import optimizer_input, read_optimizer

_CHOICES = (*RECIPES, "custom")


@dataclass(frozen=True)
class Settings:
    """The settings that the input `recipe` of Optimize chooses: those of the ascent, and those of the node itself."""

    recipe: Recipe
    preview_every: int = 5
    frame_every: int = 0
    chunk: int = 0


def recipe_input() -> Any:
    """Return the input that chooses the settings of the ascent; `read_recipe` reads its value."""
    return io.DynamicCombo.Input(
        "recipe",
        options=make_options(_CHOICES, custom=_list_settings()),
        tooltip="How long and how it climbs. picture: 60 steps of 16 views. sketch: recognisable in a third of the "
        "time. best: four times as long. feature: for a channel or another part. "
        "style, dream: change an image evenly, with wide or with close views. custom: every setting by itself; it "
        "begins with those of picture. Films, zooms, tiles and masks are recognised by their stack.",
    )


def _list_settings() -> list[Any]:
    """Return the inputs inside the option `custom` of `recipe`, in the order in which workflow files store them."""
    return [
        tip(
            io.Int.Input("steps", default=Recipe.steps, min=1, max=MOST_STEPS),
            "How many steps. 30: a sketch, with a step_size of 0.21. 60: a finished picture, with 0.13. 150: the "
            "best, with 0.09.",
        ),
        optimizer_input(),
        tip(
            io.Combo.Input("schedule", options=list_options(ScheduleName, "cosine"), default="cosine"),
            "cosine: steps shrink toward the end (with ascent, after the coarse part), which cleans the picture. "
            "constant: full steps to the end; choose it to go on from the result.",
        ),
        tip(
            io.Int.Input("preview_every", default=Settings.preview_every, min=0, max=1000),
            "Show the picture every so many steps; also at the start, and after 5 seconds at the latest. 1: all of "
            "them. 0: nothing before the end.",
        ),
        tip(
            io.Int.Input("frame_every", default=Settings.frame_every, min=0, max=10000),
            "The output frames has a picture of every so many steps. 0: only of the last. 1: of each, for a film; "
            "memory grows with it. 10: of every tenth, and of the last.",
        ),
        tip(
            io.Int.Input("chunk", default=Settings.chunk, min=0, max=4096),
            "Views that go through a model at once. 0: what suits the device, 4 on a CPU, 16 on a GPU. 1: least "
            "memory, slower. As many as there are views: all at once. Halved when memory runs out.",
        ),
        focus_input(),
        denoise_input(),
    ]


def read_recipe(choice: Mapping[str, Any] | None, stack: ImageStack) -> Settings:
    """Return the chosen settings, adapted to a stack; what `custom` says of the denoiser stays."""
    name, values = read_choice("recipe", choice, _CHOICES)
    if name != "custom":
        return Settings(suit_stack(RECIPES[name], stack))
    chosen = Recipe(
        steps=values["steps"],
        optimizer=read_optimizer(values.get("optimizer")),
        schedule=values["schedule"],
        focus=read_focus(values.get("focus")),
        denoising=read_denoising(values.get("denoise")),
    )
    suited = replace(suit_stack(chosen, stack), denoising=chosen.denoising)
    return Settings(suited, *(values[name] for name in ("preview_every", "frame_every", "chunk")))


_FOCUSES = ("center", "everywhere")


def focus_input() -> Any:
    """Return the input that chooses the focus and its settings; `read_focus` reads its value."""
    return io.DynamicCombo.Input(
        "focus",
        options=make_options(
            _FOCUSES,
            center=[
                tip(
                    io.Float.Input("start_width", default=Focus.start, min=0.05, max=100.0, step=0.05),
                    "How wide the window is at the first step, in halves of the canvas (margin included). 0.15: a "
                    "spot in the middle. 0.3: one object. 1: nearly everywhere.",
                ),
                tip(
                    io.Float.Input("end_width", default=Focus.end, min=0.05, max=100.0, step=0.05),
                    "How wide it becomes. 1.2: the corners of the canvas move half as far as the middle, before a "
                    "plain ground. 3: all of the picture nearly alike, a fuller scene. Not below start_width.",
                ),
                tip(
                    io.Float.Input("opening", default=Focus.share, min=0.0, max=1.0, step=0.05),
                    "Share of the steps over which it opens. 0: open from the first step. 0.7: the picture grows from "
                    "its middle. 1: the edges come last.",
                ),
            ],
        ),
        tooltip="Where the picture begins. center: in its middle, or in that of a mask or region, from where it grows: "
        "one whole object. everywhere: all over at once, for wide scenes and textures, for tiles, and for a start "
        "image that should change evenly.",
    )


def read_focus(choice: dict[str, Any] | None) -> Focus | None:
    """Return the chosen focus, or None if `everywhere` is chosen."""
    kind, settings = read_choice("focus", choice, _FOCUSES)
    if kind != "center":
        return None
    return Focus(*(settings[name] for name in ("start_width", "end_width", "opening")))
