"""What `render`, `film` and `zoom` share: their start, their ascent, its scores, and errors that keep a result."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from ..ascent.loop import Ascent
from ..ascent.recipe import RECIPES, Recipe, RecipeName
from ..ascent.result import AscentError, Result, Step
from ..common.cache import running
from ..common.images import Images, check_images
from ..common.interruption import is_cancellation
from ..common.scalars import as_whole
from ..common.text import shorten
from ..report.film import save_film
from ..stack.image_stack import ImageStack
from ..stack.spec import StackSpec

_LOG = logging.getLogger(__name__)

Callback = Callable[[Step], bool | None]

Made = TypeVar("Made", bound=Result)

# How far the values of a start image may lie outside 0..1. Bicubic resizing leads outside 0..1 by less than this.
_BEYOND = 0.5

_CONTRAST = 0.95  # Of a start image: a little paler, so that black and white move more easily.

# With this `decay` the amplitude spectrum of `ImageStack.noise` falls about as 1 / f, as that of photographs does.
_NATURAL_DECAY = 0.7


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
    recipe: RecipeName | Recipe, steps: int | None, suit: Callable[[Recipe], Recipe] | None = None
) -> Recipe:
    """Return a recipe, with `steps` steps unless that is None; one that is given by its name is adapted by `suit`."""
    if not isinstance(recipe, Recipe):
        if not isinstance(recipe, str) or recipe not in RECIPES:
            raise ValueError(f"there is no recipe '{shorten(recipe)}'; choose {', '.join(RECIPES)}, or give a Recipe")
        recipe = suit(RECIPES[recipe]) if suit else RECIPES[recipe]
    return recipe if steps is None else replace(recipe, steps=steps)


def as_list(wish: Any) -> Sequence[Any]:
    """Return the wishes of a list of several, or a list of a single wish, such as a list of class indices."""
    several = isinstance(wish, Sequence) and not isinstance(wish, str) and any(as_whole(one) is None for one in wish)
    return wish if several else [wish]


def make_stack(
    spec: StackSpec, start: Images | None, seed: int, count: int = 1, *, bounded: bool = False
) -> ImageStack:
    """Return the stack that an ascent starts from: the start image if there is one, noise for `maco`, else grey."""
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
    if spec.keeps_magnitudes:
        return ImageStack.noise(spec, count, decay=_NATURAL_DECAY, seed=seed)
    return ImageStack.gray(spec, count)


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
    may_change_start = may_change_start and not stack.spec.keeps_magnitudes
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
    own: Exception | None = None

    def show() -> Iterator[Tensor]:
        nonlocal own
        try:
            for step in steps:
                yield step.image()
        except AscentError as error:
            own = error  # The film ends with the step before.
        except Exception as error:
            own = error
            raise

    failure = None
    try:
        save_film(show(), path)
    except Exception as error:
        if is_cancellation(error):
            raise
        failure = error
    if own is not None:
        raise own  # It is not an error of the file.
    return failure
