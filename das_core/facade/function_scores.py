"""Wishes for a high value of a function that the user gives: a function of the views, or of the picture."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ..models.judge import Judge
from ..objectives.priors import CanvasPixels
from ..objectives.term import Objective, make_objective
from .wish import Wish


def of_views(score: Callable[[Tensor], Tensor]) -> Wish:
    """Ask for a high value of a function of the views; the model is not run.

    Args:
        score: takes views (V, 3, size, size), 0..1, of the size that the model takes, and returns scores (V,).

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import of_views, render
        >>> red = of_views(lambda views: views[:, 0].mean(dim=(1, 2)))
        >>> image = render(load_starter(), red, size=64, steps=4, progress=False).image
        >>> bool(image[:, 0].mean() > image[:, 1].mean())
        True
    """

    # The judge returns the views as they are: the model itself is not run, only its `size` is used.
    def resolve(judge: Judge) -> Objective:
        views = Judge("views", nn.Identity(), judge.size, (0.0,) * 3, (1.0,) * 3)
        return make_objective(_Function(score).name("views"), [(views, _Function(score))])

    return Wish(resolve)


def of_picture(score: Callable[[Tensor], Tensor]) -> Wish:
    """Ask for a high value of a function of the whole picture; no model is asked.

    Args:
        score: takes the picture without its margin, (B, 3, height, width), 0..1, and returns scores (B,).

    Example:
        >>> from das_core import load_starter
        >>> from das_core.facade import of_picture, render
        >>> bright_sky = of_picture(lambda picture: picture[:, :, :20].mean(dim=(1, 2, 3)))
        >>> render(load_starter(), bright_sky, size=64, steps=2, progress=False).image.shape
        torch.Size([1, 3, 64, 64])
    """
    objective = make_objective(_Function(score).name("picture"), [(None, _Function(score))])
    return Wish(lambda judge: objective)


@dataclass(frozen=True)
class _Function:
    """A score that is a function of the user's, of the views or of the whole picture."""

    function: Callable[[Tensor], Tensor]

    def __call__(self, output: Tensor | CanvasPixels, images: Tensor) -> Tensor:
        return self.function(output.picture if isinstance(output, CanvasPixels) else output)

    def name(self, otherwise: str) -> str:
        """Return the name of the function; one without a name of its own has the name '<lambda>'."""
        return str(getattr(self.function, "__name__", otherwise)).strip("<>")
