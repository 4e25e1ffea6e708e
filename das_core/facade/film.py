"""`film`: makes a film in one line of code, from a model and keyframes that say what to ask the model for."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ascent.recipe import Recipe, RecipeName
from ..common.images import Images
from ..common.interruption import is_cancellation
from ..common.keyframes import has_keyframes
from ..common.modes import own_modes
from ..looks.catalog import read_look
from ..looks.look import Look
from ..models.judge import Judge
from ..objectives.change import over_keyframes
from ..objectives.objective import Objective, join_objectives
from ..report.film import FPS, check_film, save_film
from ..stack.image_stack import ImageStack
from ..stack.time import Time
from .reading import bind, read_objective
from .render import Rendering
from .running import Callback, UnsavedError, as_list, climb, find_recipe, make_stack
from .settings import describe_settings, read_written
from .wrap import find_judge


class Film(Rendering):
    """The result of `film`: a `Rendering` whose pictures are frames; `render_film` shows its `stack` more smoothly."""

    def save(self, path: Path | str, *, fps: float = FPS) -> list[Path]:
        """Write the film to a file and return its path in a list.

        Args:
            path: a .gif, .webp, .png, .mp4 or .webm in a folder that exists, see `save_film`.
            fps: the frames per second.
        """
        return [save_film(self.image, path, fps=fps, **self._write_settings(path))]


@own_modes(on_cpu=True)
def film(
    model: nn.Module | Judge,
    objective: Any,
    *,
    frames: int = 24,
    loop: bool = False,
    size: int | tuple[int, int] | None = None,
    recipe: RecipeName | Recipe = "picture",
    steps: int | None = None,
    start: Images | ImageStack | None = None,
    look: str | Look | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    path: Path | str | None = None,
) -> Film:
    """Make a film whose frames get high scores from a model; a step takes about as long as that of a picture.

    All other arguments and the errors are as in `render`.

    Args:
        objective: keyframes such as '0: a castle / 12: a volcano' (`parse_keyframes`), or a dictionary from frames to
            what `render` takes, between which one fades into the next; the number `frames` is the end of the film. At a
            keyframe, the score of a bare class is its `share` (`classes`), of a bare prompt the cosine. What is
            without keyframes holds for all frames, and all items of a list are asked for.
        frames: how many frames there are, 1 to 1024.
        loop: whether the first frame follows the last.
        recipe: a name stands for a recipe with three times the views, up to 24 (`suit_film`).
        start: the image that all frames start from, or an image for each; or the stack of a film, or of pictures to go
            through, see `as_film`.
        path: a file to write the film to, see `Film.save`; None for no file.

    Example:
        >>> import direct_ascent as da
        >>> quick = {"recipe": "sketch", "size": 64, "steps": 1, "progress": False}
        >>> made = da.film(da.load_starter(), "0: castle / 3: volcano", frames=6, loop=True, **quick)
        >>> made.image.shape, list(made.scores)
        (torch.Size([6, 3, 64, 64]), ['castle', 'volcano'])
    """
    objective, recipe, look = map(read_written, (objective, recipe, look))
    given = {**locals()}
    time = Time(frames, loop=loop)
    judge = find_judge(model, device)
    total = join_objectives([_read(part, judge) for part in as_list(objective)])
    stack = make_stack(start, size, seed, time=time, look=read_look(look))
    # Checked before the ascent, so that no time is lost if the file cannot be written.
    if path is not None:
        check_film(path, size=(stack.spec.width, stack.spec.height))
    chosen = find_recipe(recipe, steps, stack)
    prepare = partial(chosen.prepare, objectives=total, seed=seed, device=judge.device)
    describe = partial(describe_settings, "film", given, judge)
    made = climb(prepare, stack, Film, describe, callback, progress, may_change_start=start is None)
    if path is not None:
        try:
            made.save(path)
        except Exception as error:
            if is_cancellation(error):
                raise
            raise UnsavedError(made, path, error) from error
    return made


def _read(objective: Any, judge: Judge) -> Objective:
    if isinstance(objective, Mapping) or (isinstance(objective, str) and has_keyframes(objective)):
        return over_keyframes(objective, lambda one: bind(read_objective(one, "share"), judge))
    return bind(read_objective(objective), judge)
