"""The node Feature Atlas."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor
from torchvision.utils import make_grid

from ...das_core.ascent.memory import estimate_ascent_bytes
from ...das_core.ascent.result import Step
from ...das_core.atlas.listing import list_units
from ...das_core.atlas.photographs import cut_crops, read_photographs, see_photographs
from ...das_core.atlas.pictures import PICTURES, choose_side, divide, make_pictures
from ...das_core.atlas.units import Units, choose_numbers, find_units
from ...das_core.common.choices import check_choice
from ...das_core.common.text import shorten
from ...das_core.models.judge import Judge
from ...das_core.models.layers.default_layers import choose_style_layers
from ...das_core.models.layers.layer import UnknownLayerError, find_layers
from ...das_core.stack.spec import StackSpec
from .. import bridge
from ..ascent.status import Previews, Status
from ..node import Node
from ..schema import add_advice, model_input, schema, tip

_MOST = 64
"""The most units of a run, which take minutes without a GPU: a run that is cancelled keeps nothing."""

_MOST_SHOWN = 16
"""The most pictures that a preview shows, the last ones."""


class FeatureAtlas(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="DAS_FeatureAtlas",
            display_name="Feature Atlas",
            category="Direct Ascent/inspect",
            description="See what a model has learned: for each of several units of a layer (channels, attention "
            "heads, classes) a picture that excites it, and a table of them. With photographs it shows which parts of "
            "these excite a unit most, and whether its picture does so more. Eight units take about a minute without "
            "a GPU.",
            aliases="feature visualization, microscope, lucid, activation atlas, neurons, channels, interpretability, "
            "activation maximization, dissect",
            inputs=[
                model_input(),
                tip(
                    io.String.Input("layer", default=""),
                    "The layer to look into, by the model's own name for it. Early layers see edges and colours, "
                    "middle ones textures and parts, late ones things. List Model Layers shows all names; 'classes' "
                    "are the classes of a classifier. Empty: a layer of textures and parts.",
                ),
                tip(
                    io.String.Input("units", default="0-7"),
                    f"Which units of the layer, counted from 0: numbers and ranges, such as '0-7, 40', {_MOST} at "
                    "most. Few are quick. Their order means nothing: low numbers are no simpler than high ones.",
                ),
                tip(
                    io.Combo.Input("pictures", options=list(PICTURES), default="more"),
                    "more: what excites a unit. less: its opposite. diverse: four pictures of each unit that differ, "
                    "in four times the time. raw: with the hatching that a unit answers to, which the others smooth.",
                ),
                tip(
                    io.Int.Input("seed", default=0, min=0, max=2**64 - 1),
                    "Which views are drawn. Another seed gives other pictures of the same units; what stays is what "
                    "the unit is about.",
                ),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Photographs to compare with, as a batch. Ten tell little, hundreds of all kinds a lot.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "images", tooltip="A picture of each unit (diverse: four), in order; grey if nothing excites it."
                ),
                io.String.Output(
                    "table", tooltip="A unit a line: how active it is for its picture, and which are most alike."
                ),
                io.Image.Output(
                    "crops",
                    tooltip="For each unit the nine parts of the photographs that excite it most. Grey without these.",
                ),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, model: Judge, layer: str, units: str, pictures: str, seed: int, images: Tensor | None = None
    ) -> io.NodeOutput:
        with bridge.free_cache_on_exit():
            # 2: to find the layer, `find_layers` shows the model two views.
            bridge.load_judges([model], 2)
            check_choice("pictures", pictures, PICTURES)
            found, wanted = _find_layer(model, layer), PICTURES[pictures]
            numbers = choose_numbers(found, units)
            if len(numbers) > _MOST:
                raise ValueError(
                    f"{len(numbers)} units are too many for a run, which keeps nothing when it is cancelled; give "
                    f"{_MOST} at most, and for a whole layer use the command direct-ascent"
                )
            photographs = None if images is None else read_photographs(bridge.from_comfy_images(images), model.size)
            judge = replace(model, size=choose_side(model, found.layer))
            parts = divide(judge, wanted, numbers)
            together = wanted.count * len(parts[0])
            room = estimate_ascent_bytes(StackSpec(judge.size, judge.size), together)
            bridge.make_room(room, f"{together} pictures at a time", "give fewer units, or choose a smaller model")
            bridge.load_judges([model], max(together, 8), room)
            seen, crops = None, torch.full((len(numbers), 3, 216, 216), 0.5)  # As large as those of photographs.
            if photographs is not None:
                seen = see_photographs(model, [found], photographs)[found.name]
                crops = torch.cat(cut_crops(model, found, seen, photographs, numbers))
            made, active = list[Tensor](), dict[int, Any]()
            with _follow(wanted.choose_recipe(found, judge.size).steps, len(parts), made) as follow:
                for part in parts:
                    result = make_pictures(judge, found, wanted, part, seed, callback=follow)
                    made.append(result.images)
                    active |= result.list_active(part)
            table = list_units(model, found, numbers, active, seen)
        shown = bridge.show_result(cls, table)
        return io.NodeOutput(bridge.join_comfy_images(made), table, bridge.to_comfy_images(crops), ui=shown)


def _find_layer(model: Judge, layer: str) -> Units:
    """Return the units of a layer; of one of textures and parts if its name is empty."""
    name = layer.strip() or choose_style_layers(find_layers(model), model.size)[-1]
    with add_advice(UnknownLayerError, ". List Model Layers shows all"):
        found = find_units(model, name)
    if len(found) > 1:
        raise ValueError(f"'{shorten(name)}' fits {len(found)} layers; name one of them, such as {found[-1].name}")
    return found[0]


@contextmanager
def _follow(steps: int, parts: int, made: Sequence[Tensor]) -> Iterator[Callable[[Step], None]]:
    """Yield a function that gets every step of all parts, and shows how far the run is, with the pictures so far."""
    status, previews, done = Status(steps * parts, {}), Previews(every=5), 0
    with bridge.Progress(steps * parts, console="Feature Atlas") as progress:

        def show(step: Step) -> None:
            nonlocal done
            done = len(made) * steps + step.record.step + 1
            sheet = None
            if previews.is_due(done, done == steps * parts):
                shown = torch.cat([*made, step.image().cpu()])[-_MOST_SHOWN:]
                sheet = make_grid(shown, nrow=math.ceil(math.sqrt(len(shown))), padding=2)[None]
            progress.update(done, image=sheet, text=status.describe_step(done, {}))

        try:
            progress.update(0)
            yield show
            bridge.show_text(status.describe_end(steps * parts, {}))
        except BaseException as error:  # a cancel is an Exception in ComfyUI 0.8.0, not in 0.33
            if bridge.is_interrupt(error):
                bridge.show_text(status.describe_cancel(done))
            raise
