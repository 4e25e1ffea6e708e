"""`film`: makes a film in one line of code, from a model and keyframes that say what to ask the model for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ascent.loop import Ascent
from ..ascent.recipe import Recipe, RecipeName, suit_film
from ..ascent.result import Result, Step
from ..common.geometry import read_size
from ..common.images import Images
from ..common.keyframes import has_keyframes
from ..common.text import shorten
from ..models.judge import Judge
from ..objectives.change import over_keyframes
from ..objectives.term import Objective, join_objectives
from ..report.film import FPS, check_film, save_film
from ..stack.image_stack import ImageStack
from ..stack.render import MOST_SHOWN, render_film
from ..stack.spec import StackSpec
from ..stack.time import Time
from .reading import read_keyframe, read_wish
from .render import Rendering
from .running import (
    climb_or_start_from_noise,
    do_all_steps,
    find_judge,
    find_recipe,
    is_list,
    make_stack,
    measure_scores,
)
from .unsaved import keep


@dataclass(frozen=True, eq=False, repr=False)
class Film(Rendering):
    """The result of `film`: a `Rendering` whose pictures are frames; `render_film` shows `stack` with another number of
    them.

    Args:
        fps: how many frames of the stack are shown in a second.
    """

    fps: float = FPS

    def save(self, path: Path | str, *, smooth: int = 1) -> list[Path]:
        """Write the film to a file and return its path in a list.

        Args:
            path: a .gif, .webp, .png, .mp4 or .webm in a folder that exists, see `save_film`.
            smooth: how many frames are rendered for every frame of the stack, from 1 up; the film lasts as long as with
                1.

        Raises:
            ValueError: when the format or the folder is none, or `smooth`, the frames or their rate are out of range.
            OSError: when the file cannot be written.
        """
        _check_file(path, len(self.image), self.fps, smooth)
        frames = self.image if smooth == 1 else render_film(self.stack, len(self.image) * smooth)
        return [save_film(frames, path, fps=self.fps * smooth)]


def film(
    model: nn.Module | Judge,
    wish: Any,
    *,
    frames: int = 24,
    loop: bool = False,
    fps: float = FPS,
    size: int | tuple[int, int] = (448, 448),
    recipe: RecipeName | Recipe = "picture",
    steps: int | None = None,
    start: Images | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callable[[Step], bool | None] | None = None,
    path: Path | str | None = None,
    smooth: int = 1,
) -> Film:
    """Make a film whose frames get high scores from a model; a step takes about as long as that of a picture.

    All arguments that are not listed here, and the errors, are as in `render`.

    Args:
        wish: keyframes such as '0: a castle / 12: a volcano' (`parse_keyframes`), or a dictionary from frames to wishes
            of `render`, between which one fades into the next; the number `frames` is the end of the film. At a
            keyframe, the score of a bare class is its logit and that of a bare prompt its cosine. A wish without
            keyframes holds for all frames, and all items of a list are asked for.
        frames: how many frames there are, 1 to 1024.
        loop: whether the first frame follows the last.
        fps: the frames per second.
        recipe: a name stands for a recipe with three times the views, up to 24 (`suit_film`).
        start: the image that all frames start from, or an image for each.
        path: a file to write the film to, see `Film.save`; None for no file.
        smooth: how many frames the file shows for every frame of the film.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import film
        >>> quick = {"recipe": "sketch", "size": 64, "steps": 1, "progress": False}
        >>> made = film(load_starter(), "0: castle / 3: volcano", frames=6, loop=True, **quick)
        >>> made.image.shape
        torch.Size([6, 3, 64, 64])
    """
    time = Time(frames, loop=loop)
    # Checked before the ascent, so that no time is lost if the file cannot be written.
    if path is not None:
        _check_file(path, frames, fps, smooth)
    judge = find_judge(model, device)
    chosen = find_recipe(recipe, steps)
    if isinstance(recipe, str):
        chosen = suit_film(chosen)
    width, height = read_size(size)
    spec = StackSpec(width, height, time=time)
    objective = join_objectives([_read(part, judge) for part in (wish if is_list(wish) else [wish])])

    def prepare(stack: ImageStack) -> Ascent:
        return chosen.prepare(stack, objective, seed=seed, device=judge.device)

    run = partial(do_all_steps, callback=callback, progress=progress)
    stack = make_stack(spec, start, 1, seed)

    def finish(result: Result) -> Film:
        return Film(**vars(result), scores=measure_scores(result, objective, seed), fps=fps)

    made = climb_or_start_from_noise(prepare, stack, objective, run, finish, seed, may_change_start=start is None)
    if path is not None:
        with keep(made, path):
            made.save(path, smooth=smooth)
    return made


def _read(wish: Any, judge: Judge) -> Objective:
    """Return the objective of keyframes, or of a wish that holds for all frames."""
    if isinstance(wish, Mapping) or (isinstance(wish, str) and has_keyframes(wish)):
        return over_keyframes(wish, lambda one: read_keyframe(one).resolve(judge))
    return read_wish(wish).resolve(judge)


def _check_file(path: Path | str, frames: int, fps: float, smooth: int) -> None:
    """Raise a ValueError when a film of `frames` frames cannot be written to `path`."""
    if type(smooth) is not int or smooth < 1:
        raise ValueError(
            f"smooth {shorten(smooth)} is not a whole number from 1 up; 1 shows the frames themselves, 4 three between "
            "each two"
        )
    if frames * smooth > MOST_SHOWN:
        raise ValueError(
            f"smooth {shorten(smooth)} is too large for {frames} frames; a file has at most {MOST_SHOWN} frames: give "
            f"at most {MOST_SHOWN // frames}"
        )
    check_film(path, fps * smooth)
