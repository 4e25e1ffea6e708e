"""`render`: makes a picture in one line of code, from a model and what to ask it for; all else has defaults."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..ascent.loop import Ascent
from ..ascent.recipe import BEST, PICTURE, SKETCH, Recipe
from ..ascent.result import AscentError, Result, Step
from ..ascent.within import Within
from ..common.images import Images, check_images
from ..common.text import shorten
from ..models.judge import Judge
from ..objectives.base import Objective
from ..report.film import check_film, save_film
from ..stack.image_stack import ImageStack
from ..stack.parametrizations import Parametrization
from ..stack.spec import StackSpec
from .unsaved import UnsavedError
from .wishes import read_wish
from .wrap import wrap

RECIPES: Mapping[str, Recipe] = {"picture": PICTURE, "sketch": SKETCH, "best": BEST}
"""The recipes that the node Optimize offers, by name."""

# What resizing adds to an image in 0..1 is less.
_BEYOND = 0.5

# Noise whose spectrum falls as that of photographs does, with 1 / f.
_NATURAL_DECAY = 0.7


@dataclass(frozen=True, eq=False, repr=False)
class Rendering(Result):
    """The pictures of `render`, and the score of each.

    Args:
        image: the pictures, (B, 3, height, width), 0..1.
        stack: the stack after the last step; another ascent can continue from it.
        history: the record of every step.
        importance: how large the gradient was at every pixel, (B, height, width), 0..1, see `Result`.
        scores: the score of every picture under each objective, by the name of the objective; not multiplied by
            weights.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import render
        >>> rendering = render(load_starter(), "jellyfish", size=64, steps=2, progress=False)
        >>> list(rendering.scores), len(rendering.scores["jellyfish"])
        (['jellyfish'], 1)
    """

    scores: dict[str, list[float]]


def render(
    model: nn.Module | Judge,
    wish: Any,
    *,
    size: int | tuple[int, int] = (448, 448),
    recipe: str | Recipe = "picture",
    steps: int | None = None,
    start: Images | None = None,
    within: Within | float | None = None,
    parametrization: Parametrization = "pyramid",
    batch: int | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callable[[Step], bool | None] | None = None,
    film: Path | str | None = None,
) -> Rendering:
    """Make a picture that gets a high score from a model.

    Args:
        model: a judge, or any vision model that `wrap` takes; it is not changed.
        wish: what to ask the model for: 'jellyfish' of a classifier, 'a castle in fog' of a CLIP, 'layer4:12' for a
            channel of any model, a sum such as `0.7 * text("a castle") - 0.3 * channel("layer3", 5)`,
            `channels("layer3", range(8))` for eight pictures at once, an objective or a list of them, or a function
            from views (V, 3, side, side), 0..1, to scores (V,).
        size: width and height in pixels, or one number for both.
        recipe: `picture`, `sketch` (a quarter of the work), `best` (four times it), or a `Recipe`.
        steps: how many steps in place of the recipe's.
        start: the image to start from, see `Images`. If None, it is grey; or noise where the gradient at grey is zero,
            as for a channel whose output there is 0, and for `maco`.
        within: how far the picture may go from `start`, such as 8/255 for every pixel; see `Within`.
        parametrization: what moves: the levels of a `pyramid`, or `pixels`, `fourier` or `maco`, see `StackSpec`.
        batch: how many pictures; by default 1, or one for each of several `channels`. If they start from grey, they
            differ little; `diversity` makes them differ.
        seed: the seed of all random draws, 0 or above.
        device: where to compute, by default where the model is; a model that is elsewhere is copied there.
        progress: whether a bar shows how far it is.
        callback: is called with every finished step; when it returns True, the ascent ends there.
        film: a file that becomes a film of the ascent, such as 'jellyfish.mp4' or 'jellyfish.gif': the picture after
            every step, 12 a second, several pictures side by side; see `save_film`. None for none.

    Raises:
        ValueError: when the model cannot be asked for this, a setting is out of range, or no film can be written there;
            the message says what is allowed.
        UnsavedError: when the film cannot be written once the ascent has begun; the ascent goes on to its end, and the
            error holds the pictures.

    Example:
        >>> import torchvision
        >>> from das_core.facade import channels, render
        >>> model = torchvision.models.resnet18()
        >>> render(model, channels("layer1.0.conv1", range(2)), size=64, steps=2, progress=False).image.shape
        torch.Size([2, 3, 64, 64])
    """
    # Before the work, not after it.
    if film is not None:
        check_film(Path(film))
    judge = wrap(model)
    if device is not None:
        judge = judge.to(device)
    chosen = find_recipe(recipe, steps)
    width, height = read_size(size)
    spec = StackSpec(width, height, parametrization=parametrization)
    wishes = [read_wish(one) for one in wish] if is_list(wish) else [read_wish(wish)]
    objectives = [objective for one in wishes for objective in one.resolve(judge)]
    count = max(one.images for one in wishes) if batch is None else batch
    stack = make_stack(spec, start, count, seed)

    def climb(stack: ImageStack) -> Ascent:
        return chosen.prepare(stack, objectives, seed=seed, device=judge.device, within=within)

    failure: OSError | None = None

    def run(ascent: Ascent) -> None:
        nonlocal failure
        failure = _run(ascent, callback, film, progress=progress)

    result = climb_or_start_from_noise(climb(stack), climb, run, seed, may_change_start=start is None)
    made = Rendering(**vars(result), scores=measure_scores(result, objectives, seed))
    if film is not None and failure is not None:
        raise UnsavedError(made, film, failure) from failure
    return made


def read_size(size: Any) -> tuple[int, int]:
    """Return width and height in pixels, which may be given as one number for both.

    Raises:
        ValueError: when it is neither a whole number nor two of them.
    """
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, Integral) for side in sides):
        raise ValueError(f"size {shorten(size)} is neither a whole number of pixels nor two, such as (448, 320)")
    return sides


def make_stack(spec: StackSpec, start: Images | None, count: int, seed: int) -> ImageStack:
    """Return the stack that an ascent starts from: an image, grey, or noise for parametrisations that need it.

    Args:
        spec: how the stack is built.
        start: the image to start from, or None.
        count: how many pictures.
        seed: the seed of the noise.

    Raises:
        ValueError: when the start is no image, or has values far from 0..1, as bytes and normalised images have.
    """
    if start is not None:
        start = check_images(start, "the start image")
        least, most = float(start.min()), float(start.max())
        if least < -_BEYOND or most > 1 + _BEYOND:
            raise ValueError(
                f"the start image has values from {least:.3g} to {most:.3g}; images are 0..1: divide bytes by 255, and "
                "take back a normalisation"
            )
        return ImageStack.from_image(spec, start, count)
    if spec.keeps_magnitudes:
        return ImageStack.noise(spec, count, decay=_NATURAL_DECAY, seed=seed)
    return ImageStack.gray(spec, count)


def climb_or_start_from_noise(
    ascent: Ascent,
    climb: Callable[[ImageStack], Ascent],
    run: Callable[[Ascent], None],
    seed: int,
    *,
    may_change_start: bool,
) -> Result:
    """Run an ascent and return its result; if its gradient at a grey start is zero, run one from noise instead.

    Args:
        ascent: the ascent, which has not started.
        climb: a function that makes the same ascent for another stack.
        run: a function that does the steps of an ascent.
        seed: the seed of the noise.
        may_change_start: whether the start may be replaced: the user has not chosen it.
    """
    stack = ascent.stack
    try:
        run(ascent)
    except AscentError:
        if not may_change_start or stack.spec.keeps_magnitudes or ascent.history:
            raise
        ascent = climb(ImageStack.noise(stack.spec, stack.batch, seed=seed))
        run(ascent)
    return ascent.result


def measure_scores(result: Result, objectives: Sequence[Objective], seed: int) -> dict[str, list[float]]:
    """Return the score of every picture under each objective, by the name of the objective, without weights."""
    # It brings the charts, which take a second to load.
    from ..report.objective_scores import score_images

    measured = score_images(result.image, objectives, seed=seed)
    return {name: measured.table[:, number].tolist() for number, name in enumerate(measured.names)}


def _run(
    ascent: Ascent, callback: Callable[[Step], bool | None] | None, film: Path | str | None, *, progress: bool
) -> OSError | None:
    """Do the steps of an ascent, with a progress bar, until it ends or the callback returns True; write the film.

    Returns:
        Why the film could not be written, if it could not; the steps are done nevertheless.
    """
    steps = do_steps(ascent, callback, progress=progress)
    climbing = True

    def show() -> Iterator[Tensor]:
        nonlocal climbing
        for step in steps:
            climbing = False
            yield step.image()
            climbing = True
        climbing = False

    failure = None
    if film is not None:
        try:
            save_film(show(), film)
        except OSError as error:
            if climbing:
                raise  # an error of the ascent, such as one of the callback
            failure = error
    for _ in steps:
        pass
    return failure


def do_steps(ascent: Ascent, callback: Callable[[Step], bool | None] | None, *, progress: bool) -> Iterator[Step]:
    """Yield the steps of an ascent, with a progress bar, until it ends or the callback returns True."""
    from tqdm.auto import tqdm  # It takes half a second to load.

    for step in tqdm(ascent, total=ascent.steps, unit="step", disable=not progress):
        ends = callback is not None and callback(step) is True
        yield step
        if ends:
            return


def is_list(wish: Any) -> bool:
    """Return whether a wish is a list of several wishes; a list of class indices is a single wish."""
    return isinstance(wish, Sequence) and not isinstance(wish, str) and not all(isinstance(one, int) for one in wish)


def find_recipe(recipe: str | Recipe, steps: int | None = None) -> Recipe:
    """Return a recipe, by its name or itself, with another number of steps if one is given."""
    if not isinstance(recipe, Recipe):
        if recipe not in RECIPES:
            raise ValueError(f"there is no recipe '{recipe}'; choose {', '.join(RECIPES)}, or give a Recipe")
        recipe = RECIPES[recipe]
    return recipe if steps is None else replace(recipe, steps=steps)
