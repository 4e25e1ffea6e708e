"""`zoom`: makes an infinite zoom in one line of code, from a model and what to ask it for at each depth."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..ascent.recipe import Recipe, RecipeName
from ..common.images import Images
from ..common.modes import own_modes
from ..common.scalars import as_number
from ..common.text import shorten
from ..looks.catalog import read_look
from ..looks.look import Look
from ..models.judge import Judge
from ..objectives.change import over_keyframes
from ..report.film import check_film, save_film
from ..stack.image_stack import ImageStack
from ..stack.render import MOST_SHOWN, render_zoom
from ..stack.zoom import Zoom
from .reading import bind, read_objective
from .render import Rendering
from .running import Callback, climb, find_recipe, make_stack
from .settings import describe_settings, read_written
from .wrap import find_judge


class Zooming(Rendering):
    """The result of `zoom`: a `Rendering` of its depths; `render_zoom` shows its `stack` at any moment."""

    def save(self, path: Path | str, *, seconds: float = 2.0, fps: float = 24.0) -> list[Path]:
        """Write the zoom to a file, as a film that zooms in at a constant rate, and return its path in a list.

        Args:
            path: a .gif, .webp, .png, .mp4 or .webm in a folder that exists, see `save_film`.
            seconds: the time in which the film gets from one depth to the next.
            fps: the frames per second, more than the 12 of a film, because the whole picture moves all the time.
        """
        zoom = self.stack.spec.zoom
        assert zoom is not None
        check_film(path, fps, (self.stack.spec.width, self.stack.spec.height))
        # Without a loop, one more frame shows the last depth. In a loop, that frame would be the first frame again.
        last = 0 if zoom.loop else 1
        frames = zoom.end * (as_number(seconds) or 0.0) * fps
        if not 1 <= frames <= MOST_SHOWN - last:
            raise ValueError(
                f"{shorten(seconds)} seconds from depth to depth cannot be, at {fps:g} frames a second and "
                f"{zoom.depths} depths; 2 are usual"
            )
        shown = render_zoom(self.stack, round(frames) + last)
        return [save_film(shown, path, fps=fps, **self._write_settings(path))]


@own_modes(on_cpu=True)
def zoom(
    model: nn.Module | Judge,
    objectives: Sequence[Any],
    *,
    factor: float = 2.5,
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
) -> Zooming:
    """Make an infinite zoom: pictures (depths) that get high scores from a model, each in the middle of the one before.

    It takes about as long as the pictures one by one. All other arguments and the errors are as in `render`.

    Args:
        objectives: what to ask for at each depth, from the widest to the smallest: 2 to 32, each as for `render`, one
            fading into the next. The score of a bare class is its share and that of a bare prompt its cosine.
        factor: the side of a depth divided by that of the next, 1.25 to 8: from 3 up the next is a small object in it.
        loop: whether the last depth contains the first, so that the film has no end.
        recipe: a name stands for a recipe with its views for every depth and larger windows (`suit_zoom`).
        start: the image that all depths start from, or an image for each; or the stack of a zoom, or of these images.

    Example:
        >>> import direct_ascent as da
        >>> quick = {"recipe": "sketch", "size": 64, "steps": 1, "progress": False}
        >>> da.zoom(da.load_starter(), ["castle", "volcano"], loop=True, **quick).stack
        ImageStack(64 x 64, 2 depths, 1 step)
    """
    objectives, recipe, look = map(read_written, (objectives, recipe, look))
    given = {**locals()}
    if isinstance(objectives, str) or not isinstance(objectives, Sequence):
        raise ValueError(
            f"a {type(objectives).__name__} is no list of depths; give an objective for each, such as "
            "['castle', 'volcano']"
        )
    depths = Zoom(len(objectives), factor, loop)
    stack = make_stack(start, size, seed, zoom=depths, look=read_look(look))
    judge = find_judge(model, device)
    total = over_keyframes(dict(enumerate(objectives)), lambda one: bind(read_objective(one, "share"), judge))
    chosen = find_recipe(recipe, steps, stack)
    prepare = partial(chosen.prepare, objectives=total, seed=seed, device=judge.device)
    describe = partial(describe_settings, "zoom", given, judge)
    return climb(prepare, stack, Zooming, describe, callback, progress, may_change_start=start is None)
