"""What `render`, `film` and `zoom` share: their start, their ascent, its scores, and errors that keep a result."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..ascent.ascent import Ascent
from ..ascent.recipe import ATTACK, RECIPES, Recipe, RecipeName, suit_bound, suit_stack
from ..ascent.result import AscentError, Result, Step
from ..ascent.steering.continuing import select_stack
from ..ascent.within import Within
from ..common.cache import running
from ..common.geometry import read_size
from ..common.images import Images, check_images
from ..common.interruption import is_cancellation
from ..common.scalars import as_whole, check_number
from ..common.text import shorten
from ..objectives.objective import Objective
from ..report.film import save_film
from ..stack.conversion import as_film, as_zoom
from ..stack.image_stack import ImageStack
from ..stack.spec import StackSpec
from ..stack.start import count_images
from ..stack.zoom import zoom_margin

_LOG = logging.getLogger(__name__)

Callback = Callable[[Step], bool | None]

Made = TypeVar("Made", bound=Result)

# How far the values of a start image may lie outside 0..1. Bicubic resizing leads outside 0..1 by less than this.
_BEYOND = 0.5

_CONTRAST = 0.95  # Of a start image: a little paler, so that black and white move more easily.


class UnsavedError(OSError):
    """The error for a finished `result` that cannot be written to a file `path` for a `reason` such as a full disk."""

    def __init__(self, result: Result, path: Path | str, reason: Exception | str) -> None:
        said = str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
        super().__init__(
            f"'{shorten(Path(path).name)}' could not be written ({shorten(said, 300)}); the result is kept as "
            "'result' of this error: 'except UnsavedError as error: made = error.result', after which 'made.save(…)' "
            "writes it elsewhere. At a prompt or in a notebook 'import sys; made = sys.last_value.result' has it, too"
        )
        self.result, self._path, self._said = result, path, said

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the error anew, so that a pool of processes can hand it on with its result."""
        return type(self), (self.result, self._path, self._said)


def find_recipe(
    recipe: RecipeName | Recipe | None, steps: int | None, stack: ImageStack, within: Within | None = None
) -> Recipe:
    """Return a recipe, with `steps` steps unless that is None; one that is given by its name is adapted to the stack.
    None is an attack within a bound, adapted to it, else `picture`."""
    attacks = recipe is None and within is not None
    found = ATTACK if attacks else recipe
    if not isinstance(found, Recipe):
        name = "picture" if found is None else found
        if not isinstance(name, str) or name not in RECIPES:
            raise ValueError(f"there is no recipe '{shorten(name)}'; choose {', '.join(RECIPES)}, or give a Recipe")
        found = suit_stack(RECIPES[name], stack)
    found = found if steps is None else replace(found, steps=steps)
    return suit_bound(found, within) if attacks and within else found


def as_list(asked: Any) -> Sequence[Any]:
    """Return a list of several objectives, or a list of a single one, such as a list of class indices."""
    several = isinstance(asked, Sequence) and not isinstance(asked, str) and any(as_whole(one) is None for one in asked)
    return asked if several else [asked]


def make_stack(
    start: Images | ImageStack | None,
    size: int | tuple[int, int] | None,
    seed: int,
    count: int = 1,
    *,
    bounded: bool = False,
    **settings: Any,
) -> ImageStack:
    """Return the stack that an ascent starts from: the start image if there is one, else grey; or the stack in
    `start`. Those `settings` that are not None are of its spec."""
    settings = {name: value for name, value in settings.items() if value is not None}
    if isinstance(start, ImageStack):
        return _reopen_stack(start, size, count, **settings)
    width, height = read_size(StackSpec.width if size is None else size)
    if "zoom" in settings:
        settings["margin"] = zoom_margin(width, height)
    spec = StackSpec(width, height, **settings)
    if start is not None:
        start = check_images(start, "the start image")
        least, most = float(start.min()), float(start.max())
        if least < -_BEYOND or most > 1 + _BEYOND:
            raise ValueError(
                f"the start image has values from {least:.3g} to {most:.3g}; images are 0..1: divide bytes by 255, and "
                "take back a normalisation"
            )
        return ImageStack.from_image(spec, start, count, contrast=1.0 if bounded else _CONTRAST)
    if bounded:
        raise ValueError(
            "within bounds the distance from the image in start, and there is none; give start=…, or leave within out"
        )
    return ImageStack.gray(spec, count)


def _reopen_stack(
    stack: ImageStack, size: Any, count: int, time: Any = None, zoom: Any = None, **settings: Any
) -> ImageStack:
    """Return a stack with other settings: as a film or a zoom, or of one image `count` times."""
    spec = stack.spec
    if size is not None and tuple(read_size(size)) != (spec.width, spec.height):
        raise ValueError(
            f"the stack in start is {spec.width} x {spec.height}; leave size out, or start from its picture, "
            "start=stack.image()"
        )
    if spec.series and time is None and zoom is None:
        raise ValueError(f"the stack in start is a {spec.series[1]} and no picture; {spec.series[1]} goes on with it")
    if settings:
        stack = replace(stack, spec=replace(spec, **settings))
    if time is not None:
        return stack if spec.time == time else as_film(stack, time)
    if zoom is not None:
        return stack if spec.zoom == zoom else as_zoom(stack, zoom)
    count = count_images(spec, count)
    return select_stack(stack, [0] * count) if stack.batch == 1 < count else stack


def end_at(score: float | None, objective: Objective, callback: Callback | None) -> Callback | None:
    """Return a callback that also ends an ascent as soon as every picture, whole and in 8 bits, has a score."""
    if score is None:
        return callback
    enough = check_number("until", score, -math.inf, math.inf, "0 is success for the margin of a class")
    weights = torch.tensor([sum(term.largest_weight for term in part) for part in objective.parts], dtype=torch.float32)

    def is_done(step: Step) -> bool:
        from ..report.objective_scores import score_images

        ends = callback is not None and callback(step) is True
        seen = step.image().mul(255).round().div(255)
        found = score_images(seen, objective, ATTACK.augmentation, any_aspect=True)
        return ends or bool((found.table @ weights >= enough).all())

    return is_done


@running()
def climb(
    prepare: Callable[[ImageStack], Ascent],
    stack: ImageStack,
    make: Callable[..., Made],
    describe: Callable[[Ascent], dict[str, Any]],
    callback: Callback | None,
    progress: bool,
    *,
    may_change_start: bool,
    film: Path | str | None = None,
) -> Made:
    """Run an ascent, filmed if `film` is a path, and return what `make` makes of its result, scores and settings.
    Images that the first step cannot move start again from noise, unless the start is the user's."""

    def finish(result: Result) -> Made:
        try:
            scores, whole = ascent.score(), ascent.score(whole=True)
        except (ValueError, RuntimeError) as error:  # The ascent is not lost.
            raise AscentError(f"the picture is made, but cannot be scored: {error}", result) from error
        stack = result.stack.with_settings(describe(ascent))
        return make(**{**vars(result), "stack": stack}, scores=scores, whole_scores=whole)

    ascent = prepare(stack)
    if film is not None and ascent.within is not None and Path(film).suffix.lower() != ".png":
        _LOG.warning(
            "the frames of '%s' may be out of the bound, as its format changes pixels; .png does not", Path(film).name
        )
    steps = iter(ascent)
    try:
        first = next(steps)
        still: Sequence[int] = first.record.still
        steps = chain([first], steps)
    except AscentError:
        if not may_change_start:
            raise
        still = range(stack.batch)
    if still and may_change_start:
        noise, canvas = ImageStack.noise(stack.spec, stack.batch, seed=ascent.seed), stack.canvas.clone()
        for image in still:
            canvas[image] = noise.canvas[image]
        ascent = prepare(ImageStack.from_canvas(stack.spec, canvas))
        steps = iter(ascent)
    watched = _watch(steps, ascent.steps, callback, progress)
    try:
        failure = None if film is None else _film(watched, film)
        for _ in watched:  # All steps, or those after an error of the film.
            pass
    except AscentError as error:
        if error.result is not None:
            error.result = finish(error.result)
        raise
    made = finish(ascent.result)
    if film is not None and failure is not None:
        raise UnsavedError(made, film, failure) from failure
    return made


def _watch(steps: Iterator[Step], count: int, callback: Callback | None, progress: bool) -> Iterator[Step]:
    """Yield the steps of an ascent, with a progress bar, until it ends or the callback returns True."""
    from tqdm.auto import tqdm  # It takes half a second to load.

    for step in tqdm(steps, total=count, unit="step", disable=not progress):
        ends = callback is not None and callback(step) is True
        yield step
        if ends:
            return


def _film(steps: Iterator[Step], path: Path | str) -> Exception | None:
    """Do steps and write the picture after each to a film; return the error of a film that cannot be written."""
    stopped = list[Exception]()

    def show() -> Iterator[Tensor]:
        try:
            for step in steps:
                yield step.image()
        except Exception as error:
            stopped.append(error)
            if not isinstance(error, AscentError):  # With one, the film ends with the step before.
                raise

    failure = None
    try:
        save_film(show(), path)
    except Exception as error:
        if is_cancellation(error):
            raise
        failure = error
    if stopped:
        raise stopped[0]  # It is not an error of the file.
    return failure
