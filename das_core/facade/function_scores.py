"""Wishes for a high value of a function that the user gives: a function of the views, or of the picture."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from ..models.judge import Judge
from ..objectives.base import BaseObjective
from ..objectives.prior import CanvasPixels
from .wish import Wish, make_wish


def of_views(score: Callable[[Tensor], Tensor]) -> Wish:
    """Ask for a high value of a function of the views.

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
    # The judge of the objective returns the views as they are: the model itself is not run, only its `size` is used.
    return make_wish(lambda judge: _ViewScore(Judge("views", nn.Identity(), judge.size, (0.0,) * 3, (1.0,) * 3), score))


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
    return make_wish(lambda _: _PictureScore(score))


@dataclass(frozen=True)
class _ViewScore(BaseObjective):
    """An objective whose score is a function of the views, given by the user; `judge` returns the views unchanged."""

    judge: Judge
    function: Callable[[Tensor], Tensor]
    weight: float = 1.0

    @property
    def name(self) -> str:
        # A function without a name of its own has the name '<lambda>'.
        return getattr(self.function, "__name__", "views").strip("<>")

    def score(self, output: Tensor) -> Tensor:
        return self.function(output)


@dataclass(frozen=True)
class _PictureScore(BaseObjective):
    """An objective whose score is a function of the whole picture, given by the user; no model is asked."""

    function: Callable[[Tensor], Tensor]
    judge: None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        # A function without a name of its own has the name '<lambda>'.
        return getattr(self.function, "__name__", "picture").strip("<>")

    def score(self, output: CanvasPixels) -> Tensor:
        return self.function(output.picture)
