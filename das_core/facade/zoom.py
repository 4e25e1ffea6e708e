"""`zoom`: makes an infinite zoom in one line of code, from a model and what to ask it for at each depth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ascent.loop import Ascent
from ..ascent.recipe import Recipe, RecipeName, suit_zoom
from ..ascent.result import Result, Step
from ..common.geometry import read_size
from ..common.images import Images
from ..common.scalars import as_number
from ..common.text import shorten
from ..models.judge import Judge
from ..objectives.change import over_keyframes
from ..report.film import check_film, save_film
from ..stack.image_stack import ImageStack
from ..stack.render import MOST_SHOWN, render_zoom
from ..stack.spec import StackSpec
from ..stack.zoom import Zoom, zoom_margin
from .depths import convert_to_depths
from .reading import read_keyframe
from .render import Rendering
from .running import (
    climb_or_start_from_noise,
    do_all_steps,
    find_judge,
    find_recipe,
    make_stack,
    measure_scores,
)
from .unsaved import keep

FPS = 24.0
"""Frames per second by default: more than the 12 of `film`, because the whole picture moves all the time."""


@dataclass(frozen=True, eq=False, repr=False)
class Zooming(Rendering):
    """The result of `zoom`: a `Rendering` of its depths, each with the smaller ones in its middle; `render_zoom` shows
    `stack` at any moment."""

    def save(self, path: Path | str, *, seconds: float = 2.0, fps: float = FPS, out: bool = False) -> list[Path]:
        """Write the zoom to a file, as a film that zooms in (or out) at a constant rate, and return its path in a list.

        Args:
            path: a .gif, .webp, .png, .mp4 or .webm in a folder that exists, see `save_film`.
            seconds: the time in which the film gets from one depth to the next.
            fps: the frames per second.
            out: whether the film zooms out, from the last depth to the first, see `render_zoom`.

        Raises:
            ValueError: when the format or the folder is none, or the frame rate or `seconds` is out of range.
            OSError: when the file cannot be written.
        """
        zoom = self.stack.spec.zoom
        assert zoom is not None
        frames = _count_frames(zoom, path, seconds, fps)
        return [save_film(render_zoom(self.stack, frames, out=out), path, fps=fps)]


def zoom(
    model: nn.Module | Judge,
    wishes: Sequence[Any],
    *,
    factor: float = 2.5,
    loop: bool = False,
    size: int | tuple[int, int] = (448, 448),
    recipe: RecipeName | Recipe = "picture",
    steps: int | None = None,
    start: Images | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callable[[Step], bool | None] | None = None,
    path: Path | str | None = None,
    seconds: float = 2.0,
    fps: float = FPS,
    out: bool = False,
) -> Zooming:
    """Make an infinite zoom: pictures (depths) that get high scores from a model, each in the middle of the one before.

    It takes about as long as the pictures one by one. All arguments that are not listed here, and the errors, are as in
    `render`.

    Args:
        wishes: what to ask for at each depth, from the widest to the smallest: 2 to 32 wishes of `render`, one fading
            into the next. The score of a bare class is its logit and that of a bare prompt its cosine.
        factor: the side of a depth divided by that of the next, 1.25 to 8: at 2 a depth frames the next, from 3 up the
            next is a small object in its middle.
        loop: whether the last depth contains the first, so that the film has no end.
        recipe: a name stands for a recipe with its views for every depth and larger windows (`suit_zoom`).
        start: the image that all depths start from, or an image for each.
        path: a file to write the film to, see `Zooming.save`; None for no file.
        seconds: the time from one depth to the next in the file.
        fps: the frames per second of the file.
        out: whether the film in the file zooms out.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import zoom
        >>> quick = {"recipe": "sketch", "size": 64, "steps": 1, "progress": False}
        >>> made = zoom(load_starter(), ["castle", "volcano"], loop=True, **quick)
        >>> made.stack
        ImageStack(64 x 64, 2 depths, 1 step)
    """
    wishes = _check_wishes(wishes)
    depths = Zoom(len(wishes), factor, loop)
    # Checked before the ascent, so that no time is lost if the file cannot be written.
    if path is not None:
        _count_frames(depths, path, seconds, fps)
    width, height = read_size(size)
    spec = StackSpec(width, height, margin=zoom_margin(width, height), zoom=depths)
    judge = find_judge(model, device)
    chosen = find_recipe(recipe, steps)
    if isinstance(recipe, str):
        chosen = suit_zoom(chosen, depths.depths)
    objective = over_keyframes(dict(enumerate(wishes)), lambda wish: read_keyframe(wish).resolve(judge))

    def prepare(stack: ImageStack) -> Ascent:
        return chosen.prepare(stack, objective, seed=seed, device=judge.device)

    run = partial(do_all_steps, callback=callback, progress=progress)
    stack = make_stack(spec, start, 1, seed)
    measured = convert_to_depths(objective, depths)

    def finish(result: Result) -> Zooming:
        return Zooming(**vars(result), scores=measure_scores(result, measured, seed))

    made = climb_or_start_from_noise(prepare, stack, measured, run, finish, seed, may_change_start=start is None)
    if path is not None:
        with keep(made, path):
            made.save(path, seconds=seconds, fps=fps, out=out)
    return made


def _check_wishes(wishes: Sequence[Any]) -> list[Any]:
    """Return the wishes as a list; raise a ValueError when they are no sequence of wishes, or a depth has no wish."""
    if isinstance(wishes, str) or not isinstance(wishes, Sequence):
        raise ValueError(
            f"a {type(wishes).__name__} is no list of depths; give a wish for each, such as ['castle', 'volcano']"
        )
    for number, wish in enumerate(wishes, start=1):
        if wish is None or (isinstance(wish, str) and not wish.strip()):
            raise ValueError(f"depth {number} of {len(wishes)} has no wish; say what is to be there, or leave it out")
    return list(wishes)


def _count_frames(zoom: Zoom, path: Path | str, seconds: float, fps: float) -> int:
    """Return how many frames the file of a zoom has; raise a ValueError when the file cannot be written."""
    check_film(path, fps)
    # Without a loop, one more frame shows the last depth. In a loop, that frame would be the first frame again.
    last = 0 if zoom.loop else 1
    frames = zoom.end * (as_number(seconds) or 0.0) * fps
    if not 1 <= frames <= MOST_SHOWN - last:
        raise ValueError(
            f"{shorten(seconds)} seconds from depth to depth cannot be, at {fps:g} frames a second and {zoom.depths} "
            "depths; 2 are usual"
        )
    return round(frames) + last
