"""What `render`, `film` and `zoom` share: making a judge and a stack from arguments, the ascent, and the scores."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

import torch
from torch import Tensor, nn

from ..ascent.loop import Ascent
from ..ascent.recipe import RECIPES, Recipe, RecipeName
from ..ascent.result import AscentError, Result, Step
from ..common.cache import running
from ..common.images import Images, check_images
from ..common.scalars import as_whole
from ..common.text import shorten
from ..models.judge import Judge
from ..objectives.term import Objective
from ..stack.image_stack import ImageStack
from ..stack.spec import StackSpec
from .wrap import wrap

Made = TypeVar("Made", bound=Result)
"""A result with scores: a `Rendering`, `Film` or `Zooming`."""

# How far the values of a start image may lie outside 0..1. Bicubic resizing leads outside 0..1 by less than this.
_BEYOND = 0.5

# Of a start image: a little paler, so that black and white move more easily.
_CONTRAST = 0.95

# With this `decay` the amplitude spectrum of `ImageStack.noise` falls about as 1 / f, as that of photographs does.
_NATURAL_DECAY = 0.7


_MOST_WRAPPED = 4
"""How many modules `find_judge` keeps a judge of."""

_wrapped: WeakKeyDictionary[nn.Module, tuple[str, Judge]] = WeakKeyDictionary()
"""Of the modules that `find_judge` was given last: what they were like (`_describe`), and the judge made from them."""

_wrapping = Lock()


def find_judge(model: nn.Module | Judge, device: torch.device | str | None) -> Judge:
    """Return a model as a judge (see `wrap`) on a device, or on its own; that of a module is kept until the module
    changes."""
    state = _describe(model) if isinstance(model, nn.Module) else None
    if not isinstance(model, nn.Module) or state is None:
        judge = wrap(model)
        return judge if device is None else judge.to(device)
    state = f"{device} {state}"
    with _wrapping:
        before, kept = _wrapped.pop(model, (None, None))
        if kept is None or before != state:
            kept = wrap(model) if device is None else wrap(model).to(device)
        _wrapped[model] = state, kept
        for oldest in list(_wrapped)[:-_MOST_WRAPPED]:
            del _wrapped[oldest]
    return kept


def _describe(module: nn.Module) -> str | None:
    """Return the settings and hooks of all parts of a module, and the checksums of its weights and buffers."""
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    for each in tensors.values():
        plain = type(each) in (Tensor, nn.Parameter) and each.layout is torch.strided and not each.is_quantized
        if not plain or each.device.type == "meta":
            return None
    parts = [
        (
            name,
            type(part),
            {key: str(value) for key, value in vars(part).items() if key not in _INTERNAL},
            [*part._forward_hooks, *part._forward_pre_hooks],
        )
        for name, part in module.named_modules()
    ]
    sums = [(name, each.device, each.dtype, each.shape, _add_up(each)) for name, each in tensors.items()]
    return f"{parts} {sums}"


_INTERNAL = frozenset(vars(nn.Module()))
"""The attributes that every module has: its mode, its weights, buffers and parts, and its hooks."""


def _add_up(tensor: Tensor) -> int:
    """Return a checksum of the bytes of a tensor."""
    return crc32(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def find_recipe(recipe: RecipeName | Recipe, steps: int | None = None) -> Recipe:
    """Return a recipe, given by its name or itself, with `steps` steps unless `steps` is None."""
    if not isinstance(recipe, Recipe):
        if not isinstance(recipe, str) or recipe not in RECIPES:
            raise ValueError(f"there is no recipe '{shorten(recipe)}'; choose {', '.join(RECIPES)}, or give a Recipe")
        recipe = RECIPES[recipe]
    return recipe if steps is None else replace(recipe, steps=steps)


def is_list(wish: Any) -> bool:
    """Return whether a wish is a list of several wishes; a list of class indices is a single wish."""
    return isinstance(wish, Sequence) and not isinstance(wish, str) and any(as_whole(one) is None for one in wish)


def make_stack(spec: StackSpec, start: Images | None, count: int, seed: int, *, bounded: bool = False) -> ImageStack:
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
def climb_or_start_from_noise(
    prepare: Callable[[ImageStack], Ascent],
    stack: ImageStack,
    objective: Objective,
    run: Callable[[Ascent, Iterable[Step]], None],
    finish: Callable[[Result], Made],
    seed: int,
    *,
    may_change_start: bool,
) -> Made:
    """Run an ascent and return what is made of its result; images that the first step cannot move start again from
    noise."""
    ascent = prepare(stack)
    _check_measurable(stack, objective)
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
        noise, canvas = ImageStack.noise(stack.spec, stack.batch, seed=seed), stack.canvas.clone()
        for image in still:
            canvas[image] = noise.canvas[image]
        ascent = prepare(ImageStack.from_canvas(stack.spec, canvas))
        steps = iter(ascent)
    try:
        run(ascent, steps)
    except AscentError as error:
        if error.result is not None:
            error.result = finish(error.result)
        raise
    return finish(ascent.result)


def do_steps(
    ascent: Ascent, steps: Iterable[Step], callback: Callable[[Step], bool | None] | None, *, progress: bool
) -> Iterator[Step]:
    """Yield the steps of an ascent, with a progress bar, until it ends or the callback returns True."""
    from tqdm.auto import tqdm  # It takes half a second to load.

    for step in tqdm(steps, total=ascent.steps, unit="step", disable=not progress):
        ends = callback is not None and callback(step) is True
        yield step
        if ends:
            return


def do_all_steps(
    ascent: Ascent, steps: Iterable[Step], callback: Callable[[Step], bool | None] | None, *, progress: bool
) -> None:
    """Do the steps of an ascent, until it ends or the callback returns True."""
    for _ in do_steps(ascent, steps, callback, progress=progress):
        pass


def measure_scores(result: Result, objective: Objective, seed: int) -> dict[str, list[float]]:
    """Return the score of every picture under each part of an objective, by name, without weights."""
    # Imported here, because `objective_scores` imports the modules of the charts, which take a second to load.
    from ..report.objective_scores import score_images

    # The masks of regions may have any aspect ratio, because the ascent has used them, resized in the same way.
    measured = score_images(result.image, objective, seed=seed, any_aspect=True)
    return {name: measured.table[:, number].tolist() for number, name in enumerate(measured.names)}


def _check_measurable(stack: ImageStack, objective: Objective) -> None:
    """Raise a ValueError when `measure_scores` cannot score the images of a stack under an objective."""
    from ..report.objective_scores import check_scorable

    try:
        check_scorable(stack.batch, (stack.spec.height, stack.spec.width), objective)
    except ValueError as error:
        raise ValueError(f"the scores of the result could not be measured: {error}") from error
