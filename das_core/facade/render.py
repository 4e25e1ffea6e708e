"""`render`: makes a picture in one line of code, from a model and what to ask it for; other arguments have defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ascent.recipe import Recipe, RecipeName
from ..ascent.result import Result
from ..ascent.within import Within
from ..common.images import Images
from ..common.modes import own_modes
from ..common.text import shorten
from ..looks.catalog import read_look
from ..looks.look import Look
from ..models.judge import Judge
from ..objectives.objective import join_objectives
from ..report.film import check_film
from ..stack.image_stack import ImageStack
from ..stack.linear_operator import Parametrization
from ..stack.parametrizations import ParametrizationName
from .reading import bind, read_objective
from .running import Callback, as_list, climb, end_at, find_recipe, make_stack
from .settings import describe_settings, read_written
from .wrap import find_judge


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Rendering(Result):
    """The result of `render`; see `Result` for the other fields.

    Args:
        scores: the score of every picture under each objective, by name, without weights, seen as the recipe shows it.
        whole_scores: the same, each picture seen once, whole (an oblong one in its middle square), see `Ascent.score`.
    """

    scores: dict[str, list[float]]
    whole_scores: dict[str, list[float]]

    @property
    def settings(self) -> Mapping[str, Any]:
        """How the pictures were made, as JSON can hold it; a .png of `save` and a file of `stack` say it too.

        - `function` and `arguments`: `da.render(model, **made.settings["arguments"])` makes the same pictures again, on
          the same machine, if nothing is `unwritten`;
        - `unwritten`: what it takes besides: an argument that cannot be written down, or an early end, and why; of
          `start`, a digest;
        - `models`: names and digests of the weights; `versions`, and `device`.
        """
        return self.stack.settings or {}


@own_modes(on_cpu=True)
def render(
    model: nn.Module | Judge,
    objective: Any,
    *,
    size: int | tuple[int, int] | None = None,
    recipe: RecipeName | Recipe | None = None,
    steps: int | None = None,
    start: Images | ImageStack | None = None,
    within: Within | float | None = None,
    until: float | None = None,
    look: str | Look | None = None,
    parametrization: ParametrizationName | type[Parametrization] | None = None,
    batch: int | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    film: Path | str | None = None,
) -> Rendering:
    """Make a picture that gets a high score from a model.

    Args:
        model: a judge, or any vision model that `wrap` takes; it is not changed.
        objective: what to ask the model for: a class such as 'jellyfish' or its index; a prompt such as 'a castle in
            fog' for a CLIP; 'layer4:12' for a channel; a sum such as `text("a castle") - 0.3 * channel("layer3", 5)`,
            also of several models (`Objective.on`); `channels("layer3", range(8))` for eight pictures at once; an
            objective; a function from views (V, 3, side, side), 0..1, to scores (V,); or a list of these.
        size: width and height in pixels, or one number for both; by default that of a stack in `start`, else 448.
        recipe: `picture`; `sketch`, with a third of its time; `best`, with four times its work; `feature`, for
            a unit; `style` or `dream`, which change `start` evenly; or a `Recipe`. By default
            `picture`, and within a bound `ATTACK`, with steps as long as suits the bound.
        steps: the number of steps; that of the recipe if None.
        start: the image to start from, see `Images`, or a stack to go on with, such as one of `load_stack`. If None,
            grey, or noise where grey has no gradient.
        within: how far the picture may go from the image `start`, such as 8/255 for every pixel; see `Within`.
        until: the score from which on it is enough: the ascent ends when every picture has it, whole and in 8 bits;
            of several objectives, the sum of the scores times their weights. `da.classes("jellyfish", "margin")` has a
            score above 0 as soon as the class is first.
        look: what the picture is made of: the name of one of `LOOKS`, such as 'pixel art', or a `Look`; None for paint.
        parametrization: what the ascent moves: the levels of a `pyramid`, `pixels` or `fourier`; or a class of
            your own, see `Parametrization`.
        batch: how many pictures; by default one for each channel of `channels` or image of `start`, otherwise 1. Each
            is what it would be alone but for rounding, which grows from step to step: to 0.17 of 0..1 in six steps.
        seed: the seed of all random draws, 0 or above.
        device: where to compute; by default the device of the model.
        progress: whether to show a progress bar.
        callback: is called with every finished step; when it returns True, the ascent ends there.
        film: a file to write the picture after every step to, 12 steps a second, see `save_film`; None for no film.
            Only a .png keeps a bound `within`.

    Raises:
        ValueError: when the model cannot be asked for it, a setting is out of range, or a file cannot be written.
        AscentError: when a step fails, as with a gradient of zero; its `result` is what the steps before have made.
        UnsavedError: when writing fails after the ascent has begun; the error holds the finished result.

    Example:
        >>> import direct_ascent as da
        >>> import torchvision
        >>> model, quick = torchvision.models.resnet18(), {"size": 64, "steps": 2, "progress": False}
        >>> da.render(model, da.channels("layer1.0.conv1", range(2)), **quick).image.shape
        torch.Size([2, 3, 64, 64])
    """
    objective, recipe, within, look = map(read_written, (objective, recipe, within, look))
    given = {**locals()}
    judge = find_judge(model, device)
    total = join_objectives([bind(read_objective(one), judge) for one in as_list(objective)])
    count = max(term.images for term in total.list_terms()) if batch is None else batch
    bound, settings = Within.read(within), {"look": read_look(look), "parametrization": parametrization}
    stack = make_stack(start, size, seed, count, bounded=bound is not None, **settings)
    if batch not in (None, stack.batch):
        raise ValueError(f"start has {stack.batch} pictures, and batch is {shorten(batch)}; leave batch out")
    if unfit := [term.images for term in total.list_terms() if stack.batch % term.images]:
        raise ValueError(
            f"{stack.batch} pictures cannot show an objective for {unfit[0]}, one thing in each: leave out batch, or "
            f"give a multiple of {unfit[0]}"
        )
    # Checked before the ascent, so that no time is lost if the file cannot be written.
    if film is not None:
        check_film(film, size=(stack.batch * stack.spec.width, stack.spec.height))
    chosen = find_recipe(recipe, steps, stack, bound)
    prepare = partial(chosen.prepare, objectives=total, seed=seed, device=judge.device, within=bound)
    free, watch = start is None, end_at(until, total, callback)
    describe = partial(describe_settings, "render", given, judge)
    return climb(prepare, stack, Rendering, describe, watch, progress, may_change_start=free, film=film)
