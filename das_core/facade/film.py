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
    """The result of `film`: its frames, and their scores.

    Args:
        image: the frames, (T, 3, height, width), 0..1.
        stack: the stack after the last step; `render_film` renders it with another number of frames.
        history: the record of every step.
        importance: how large the gradient was at every pixel, (T, height, width), 0..1, see `Result`.
        scores: the score of every frame under each objective, by the name of the objective; not multiplied by weights.
        fps: how many frames of the stack are shown in a second.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import film
        >>> quick = {"recipe": "sketch", "size": 64, "steps": 1, "progress": False}
        >>> made = film(load_starter(), "0: castle / 3: volcano", frames=4, **quick)
        >>> list(made.scores), len(made.scores["castle"])
        (['castle', 'volcano'], 4)
    """

    fps: float = FPS

    def save(self, path: Path | str, *, smooth: int = 1) -> list[Path]:
        """Write the film to a file.

        Args:
            path: the file, in a folder that exists, in the format of its ending: .gif, .webp, .png, .mp4 or .webm, see
                `save_film`.
            smooth: how many frames are rendered for every frame of the stack, a whole number from 1 up. At 4 a film of
                12 frames is written with 48 frames, and lasts as long as with 12. A file has at most 65,536 frames.

        Returns:
            A list with a single path: that of the file.

        Raises:
            ValueError: when the format is unknown or needs PyAV, which is not installed; the folder does not exist or
                cannot be written to; `smooth` is no whole number; or `smooth`, the number of frames or the frame rate
                of the file (`fps` times `smooth`) is out of range.
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
    """Make a film whose frames get high scores from a model. Neighbouring frames resemble each other.

    One ascent optimises all frames. Every view of a step shows one of the frames, so in each step the model has as much
    work as for a single picture with the same number of views.

    Args:
        model: a judge, or any vision model that `wrap` takes; it is not changed.
        wish: what to ask the model for at which frame: keyframes such as '0: a castle / 12: a volcano'
            (`parse_keyframes`), or a dictionary from frame numbers to single wishes as `render` takes them, as in
            `{0: "castle", 12: channel("layer4", 7)}`. Between two keyframes the first wish fades into the second. The
            frames have the numbers 0 to `frames - 1`; a keyframe may also have the number `frames`, the end of the
            film. At a keyframe, the score of a class that is given by its name or index is the logit, and the score of
            a prompt is the cosine. But a wish made by `da.classes(...)` or `da.text(...)` has the same score as in
            `da.render`. A wish without keyframes holds for all frames, and has the same score as in `da.render`. If
            `wish` is a list, the model is asked for all of its items.
        frames: how many frames there are, 1 to 1024.
        loop: whether the last frame is followed by the first. Then the last keyframe fades into the first.
        fps: the frames per second.
        size: width and height in pixels, or one number for both.
        recipe: `picture`, `sketch`, `best`, or a `Recipe`. A recipe that is given by its name is adapted to a film
            (`suit_film`): it gets three times its views per step, up to 24.
        steps: the number of steps; that of the recipe if None.
        start: the image that all frames start from, or an image for each frame. If None, grey, or noise if the gradient
            at grey is zero.
        seed: the seed of all random draws, 0 or above.
        device: where to compute; by default the device of the model. For another device, the model is copied to it.
        progress: whether to show a progress bar.
        callback: a function that is called with every finished step; when it returns True, the ascent ends there.
        path: a file to write the film to, such as 'morph.mp4' or 'morph.gif', see `Film.save`; None for no file.
        smooth: how many frames the file shows for every frame of the film, see `Film.save`.

    Raises:
        ValueError: when keyframes cannot be read; a keyframe appears twice or lies beyond the end; the model cannot be
            asked for a wish; a setting is out of range; or no file can be written to `path`. The message says what is
            allowed.
        AscentError: when a step of the ascent fails, as with a gradient of zero; `result` of the error is what the
            steps before have made, or None if there were none.
        UnsavedError: when the file cannot be written after the ascent; the error holds the film.

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
