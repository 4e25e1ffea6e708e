"""The pictures of some units of a layer, made together in few ascents, and how active the units are for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..ascent.normalized_ascent import NormalizedAscent
from ..ascent.recipe import FEATURE, SKETCH, Recipe
from ..ascent.result import Result, VanishedError
from ..facade.render import render
from ..facade.running import Callback
from ..models.judge import Judge
from ..models.layers.layer import Layer, find_layers
from ..objectives.diversity import diversity
from ..views.augmentation import Augmentation
from ..views.transforms import Distance
from .units import Units, UnitsScore, watch

_FEWEST = 64  # The smallest side of a picture, in pixels.
_COARSE = 24  # Pixels from position to position: in coarser layers, units answer to things rather than to textures.
_ON_CPU, _ON_GPU = 8, 64  # How many pictures share an ascent. On a CPU more take memory and save no time.
_DIVERSITY = 0.3  # The weight of the difference of pictures of a unit, beside a weight of 1 of the unit.


@dataclass(frozen=True)
class Wanted:
    """A kind of pictures: how many for each unit, whether the unit is raised (1) or lowered (-1), and with what."""

    count: int = 1
    sign: int = 1
    recipe: Recipe = FEATURE

    def choose_recipe(self, units: Units, size: int, steps: int | None = None) -> Recipe:
        """Return the recipe for units of a model that sees `size` pixels. What the last layers answer to are things:
        they take a focus, and views from near and far."""
        recipe = self.recipe
        if units.layer is None or units.kind == "mean":
            recipe = replace(SKETCH, denoising=recipe.denoising and SKETCH.denoising)
        elif len(units.layer.positions) == 2 and max(units.layer.positions) * _COARSE <= size:
            windows = replace(recipe.augmentation.windows, jitter=16, zoom_min=0.5)
            recipe = replace(recipe, augmentation=Augmentation(2, windows, (Distance(0.25),)), focus="auto")
        return recipe if steps is None else replace(recipe, steps=steps)

    def count_views(self, units: Units, size: int, steps: int | None) -> int:
        """Return how many views the pictures of a unit take."""
        recipe = self.choose_recipe(units, size, steps)
        compared = 2 if self.count > 1 and units.layer is not None else 1
        return self.count * recipe.steps * recipe.augmentation.views * compared


PICTURES: Mapping[str, Wanted] = {
    "more": Wanted(),
    "less": Wanted(sign=-1),
    "diverse": Wanted(count=4),
    # Without what makes pictures look painted: everything that the unit answers to, hatching included.
    "raw": Wanted(recipe=replace(FEATURE, optimizer=NormalizedAscent(step_size=0.08, tilt=0.0), denoising=None)),
}
"""What can be shown of a unit, by name: its opposite as `less`, four that differ as `diverse`."""


@dataclass(frozen=True, eq=False)
class Made:
    """Pictures of units, in the order of the units, several of each together."""

    images: Tensor  # (B, 3, side, side), 0..1; grey for a dead unit.
    values: Tensor  # How active all units of the layer are for them, (B, units), see `measure`.
    moved: Sequence[bool]  # Which of them are not of dead units.

    def list_active(self, numbers: Sequence[int]) -> dict[int, np.ndarray[Any, Any]]:
        """Return for each of the units that is not dead how active all units of the layer are for its first picture."""
        places = range(0, len(self.moved), len(self.moved) // len(numbers))
        pairs = zip(numbers, places, strict=True)
        return {number: self.values[place].numpy() for number, place in pairs if self.moved[place]}


def make_pictures(
    judge: Judge,
    units: Units,
    wanted: Wanted,
    numbers: Sequence[int],
    seed: int = 0,
    steps: int | None = None,
    callback: Callback | None = None,
) -> Made:
    """Return pictures of some units, of the side that the judge sees. The callback gets every finished step."""
    if len(parts := divide(judge, wanted, numbers)) > 1:
        made = [make_pictures(judge, units, wanted, part, seed, steps, callback) for part in parts]
        images, values = (torch.cat([getattr(one, name) for one in made]) for name in ("images", "values"))
        return Made(images, values, [moved for one in made for moved in one.moved])
    asked = [number for number in numbers for _ in range(wanted.count)]
    wish = units.ask(judge, asked, wanted.sign)
    if wanted.count > 1 and units.layer is not None:
        wish = wish + _DIVERSITY * diversity(units.layer.name, wanted.count).on(judge)
    try:
        result: Result | None = render(
            judge,
            wish,
            size=judge.size,
            recipe=wanted.choose_recipe(units, judge.size, steps),
            batch=len(asked),
            seed=seed,
            progress=False,
            callback=callback,
        )
    except VanishedError as error:  # Others make the cell fail.
        result = error.result
    images, moved = torch.full((len(asked), 3, judge.size, judge.size), 0.5), [False] * len(asked)
    if result is not None:
        still = [set(record.still) for record in result.history]
        moved = [not all(image in one for one in still) for image in range(len(asked))]
        if wanted.count > 1:  # Those of dead units move, too, to differ from each other.
            moved = [one and sees for one, sees in zip(moved, answer(judge, units, result.image, asked), strict=True)]
        images = torch.where(torch.tensor(moved)[:, None, None, None], result.image.cpu(), images)
    return Made(images, measure(judge, units, images), moved)


def divide(judge: Judge, wanted: Wanted, numbers: Sequence[int]) -> list[Sequence[int]]:
    """Return the parts of some units whose pictures share an ascent."""
    most = max(1, (_ON_CPU if judge.device.type == "cpu" else _ON_GPU) // wanted.count)
    return [numbers[begin : begin + most] for begin in range(0, len(numbers), most)]


def measure(judge: Judge, units: Units, images: Tensor) -> Tensor:
    """Return how active all units are for whole images (B, 3, side, side), (B, units): the mean over positions."""
    seeing = watch(judge, [units])
    with torch.no_grad():
        return torch.cat([units.read(seeing(judge.bring(part))).mean(dim=2).float().cpu() for part in images.split(8)])


def answer(judge: Judge, units: Units, images: Tensor, asked: Sequence[int]) -> list[bool]:
    """Return whether units, one for each image (B, 3, side, side), answer to some change of their images."""
    seeing, found = watch(judge, [units]), list[bool]()
    for begin in range(0, len(asked), 8):
        with torch.enable_grad():
            views = judge.bring(images[begin : begin + 8].detach().clone()).requires_grad_()
            score = UnitsScore(units, tuple(asked[begin : begin + 8]), 1)(seeing(views), torch.arange(len(views)))
            (gradient,) = torch.autograd.grad(score.sum(), views)
        found += gradient.flatten(1).any(dim=1).tolist()
    return found


def choose_side(judge: Judge, layer: Layer | None, most: int | None = None) -> int:
    """Return the side in pixels of the pictures of a layer: that of what one position of it can see, `most` at most, if
    it is smaller than what the model sees, and the model takes images of that side."""
    side = min(most or judge.size, max(_FEWEST, 32 * ceil(measure_field(judge, layer) / 32)))
    if layer is None or len(layer.positions) != 2 or side >= judge.size:
        return judge.size
    try:
        smaller = {one.name: one for one in find_layers(replace(judge, size=side))}
    except ValueError:
        return judge.size
    same = layer.name in smaller and smaller[layer.name].channels == layer.channels
    return side if same and len(smaller[layer.name].positions) == 2 else judge.size


def measure_field(judge: Judge, layer: Layer | None) -> int:
    """Return the side in pixels of what the middle of a layer sees, by the gradient at noise: that of the whole image
    unless it sees less."""
    if layer is None or len(layer.positions) != 2:
        return judge.size
    noise = torch.rand(1, 3, judge.size, judge.size, generator=torch.Generator().manual_seed(0))
    row, column = (length // 2 for length in layer.positions)
    with torch.enable_grad():
        view = judge.bring(noise).requires_grad_()
        output: Any = watch(judge, [Units(layer.name, "channel", layer.channels, layer)])(view)
        found = output[layer.name]
        if not found.requires_grad:
            return judge.size
        (gradient,) = torch.autograd.grad(found[:, :, row, column].abs().sum(), view)
    places = gradient[0].abs().sum(dim=0).nonzero()
    return int((places.amax(dim=0) - places.amin(dim=0)).max()) + 1 if len(places) else judge.size
