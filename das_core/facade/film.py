"""A film in a line: a model, what is asked of it at which frame, and nothing else that has to be said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ascent.loop import Ascent
from ..ascent.recipe import Recipe
from ..ascent.result import Step
from ..common.images import Images
from ..common.keyframes import has_keyframes
from ..models.judge import Judge
from ..objectives.base import Objective
from ..objectives.track import make_tracks
from ..report.film import FPS, check_film, save_film
from ..stack.image_stack import ImageStack
from ..stack.render_film import render_film
from ..stack.spec import StackSpec
from ..stack.time import Time
from .render import (
    Rendering,
    climb_or_start_from_noise,
    do_steps,
    find_recipe,
    is_list,
    make_stack,
    measure_scores,
)
from .wishes import read_wish
from .wrap import wrap

_LEAST_VIEWS = 24
"""How many views a step of a film has at least: with fewer, frames wait long for their turn."""


@dataclass(frozen=True, eq=False, repr=False)
class Film(Rendering):
    """The film of `film`, and how well each frame does what was asked.

    Args:
        image: the frames, (T, 3, height, width), 0..1.
        stack: the stack after the last step; `render_film` renders it at other moments.
        history: the record of every step.
        importance: how large the gradient was at every pixel, (T, height, width), 0..1, see `Result`.
        scores: by what was asked for the score of every frame, not multiplied by its weight.
        fps: how many frames of the stack a second has.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import film
        >>> made = film(load_starter(), "0: castle / 3: volcano", frames=4, size=64, steps=2, progress=False)
        >>> list(made.scores), len(made.scores["castle"])
        (['castle', 'volcano'], 4)
    """

    fps: float = FPS

    def save(self, path: Path | str, *, smooth: int = 1) -> list[Path]:
        """Write the film to a file.

        Args:
            path: the file, in a folder that exists, in the format of its ending: .gif, .webp, .png, .mp4 or .webm, see
                `save_film`.
            smooth: how many frames are shown for every frame of the stack, from 1 up: at 4, 12 frames become 48, in the
                same time.

        Returns:
            The path of the file.

        Raises:
            ValueError: when there can be no such film.
            OSError: when the file cannot be written.
        """
        if smooth < 1:
            raise ValueError(f"smooth {smooth} is too small; 1 shows the frames themselves, 4 three between each two")
        check_film(Path(path), self.fps * smooth)
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
    recipe: str | Recipe = "picture",
    steps: int | None = None,
    start: Images | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callable[[Step], bool | None] | None = None,
    path: Path | str | None = None,
    smooth: int = 1,
) -> Film:
    """Make a film that a model likes: all frames at once, each like its neighbours.

    The frames share out the views of a step, so that a film takes little longer than a picture.

    Args:
        model: a judge, or any vision model that `wrap` takes; it is not changed.
        wish: what is asked of it at which frame: keyframes such as '0: a castle / 12: a volcano' (`parse_keyframes`),
            or anything that `render` takes by the number of its frame, as in `{0: "castle", 12: channel("layer4", 7)}`.
            Between two keyframes one goes over into the other. The last may be the number of frames, the end of the
            film. What is no keyframes is asked of all frames. A list of these asks for all of them.
        frames: how many frames there are, 1 to 1024.
        loop: whether the last frame is followed by the first. Then the last keyframe goes over into the first.
        fps: how many frames a second has.
        size: width and height in pixels, or one number for both.
        recipe: `picture`, `sketch`, `best`, or a `Recipe`. One that is given by its name has at least 24 views a step.
        steps: how many steps in place of the recipe's.
        start: the image that all frames start from, or an image for each; grey if None.
        seed: what all random draws depend on, 0 or above.
        device: where to compute, by default where the model is; a model that is elsewhere is copied there.
        progress: whether a bar shows how far it is.
        callback: is called with every finished step; when it returns True, the ascent ends there.
        path: a file that becomes the film, such as 'morph.mp4' or 'morph.gif', see `Film.save`; None for none.
        smooth: how many frames the file shows for every frame of the film, see `Film.save`.

    Raises:
        ValueError: when keyframes cannot be read, one is there twice or beyond the end, the model cannot be asked for a
            wish, or a setting is out of range; the message says what there is in its place.

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import film
        >>> made = film(load_starter(), "0: castle / 3: volcano", frames=6, loop=True, size=64, steps=2, progress=False)
        >>> made.image.shape
        torch.Size([6, 3, 64, 64])
    """
    # Before the work, not after it.
    if path is not None:
        check_film(Path(path), fps * smooth)
    judge = wrap(model)
    if device is not None:
        judge = judge.to(device)
    chosen = find_recipe(recipe, steps)
    if isinstance(recipe, str):
        augmentation = chosen.augmentation
        chosen = replace(chosen, augmentation=replace(augmentation, views=max(augmentation.views, _LEAST_VIEWS)))
    width, height = (size, size) if isinstance(size, int) else size
    spec = StackSpec(width, height, time=Time(frames, loop=loop))
    objectives = [one for part in (wish if is_list(wish) else [wish]) for one in _read(part, judge)]

    def climb(stack: ImageStack) -> Ascent:
        return chosen.prepare(stack, objectives, seed=seed, device=judge.device)

    def run(ascent: Ascent) -> None:
        for _ in do_steps(ascent, callback, progress=progress):
            pass

    ascent = climb(make_stack(spec, start, 1, seed))
    result = climb_or_start_from_noise(ascent, climb, run, seed, may_change_start=start is None)
    made = Film(**vars(result), scores=measure_scores(result, objectives, seed), fps=fps)
    if path is not None:
        made.save(path, smooth=smooth)
    return made


def _read(wish: Any, judge: Judge) -> list[Objective]:
    """Return the objectives of keyframes, or of what is asked of all frames."""
    if isinstance(wish, Mapping) or (isinstance(wish, str) and has_keyframes(wish)):
        return list(make_tracks(wish, lambda one: read_wish(one).resolve(judge)))
    return read_wish(wish).resolve(judge)
