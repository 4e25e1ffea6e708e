"""Recipes: sets of settings of an ascent that were chosen together.

The best step size and the best share of the denoiser (`Denoising.share`) depend on the number of steps, so a recipe
sets all three. The settings of the three recipes here were chosen with a few classes that serve for tuning only (the
development classes in docs/method.md). The node Optimize offers these recipes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from ..objectives.term import Objective
from ..stack.image_stack import ImageStack
from ..views.augmentation import Augmentation
from ..views.color_transforms import ColorShift, Grayscale
from ..views.distance import Distance
from ..views.transforms import Flip, Noise, Transform
from ..views.windows import Windows
from .denoising import Denoising
from .focus import Focus
from .loop import Ascent
from .normalized_ascent import NormalizedAscent
from .optimizers import Optimizer
from .pace import Schedule
from .plan import Plan
from .within import Within

RecipeName = Literal["picture", "sketch", "best"]
"""The recipes that have a name, see `RECIPES`."""

VIEWED: tuple[Transform, ...] = (Flip(), Distance(), ColorShift(), Grayscale(), Noise())
"""The transforms of the views in the recipe `PICTURE`: those of `Augmentation()`, and `Distance`, which blurs about
every third view."""

_SELDOM_FAR: tuple[Transform, ...] = (Flip(), Distance(0.25), ColorShift(), Grayscale(), Noise())
"""The transforms of the views in the recipes `SKETCH` and `BEST`: `Distance` blurs about every fourth view."""


@dataclass(frozen=True)
class Recipe:
    """The settings of an ascent, without its objectives; each setting is an argument of `Ascent`.

    Args:
        steps: the number of steps.
        augmentation: how the judges see the canvas.
        optimizer: how a gradient moves the stack.
        schedule: how the step size changes: `cosine`, `constant`, or a function of the progress.
        focus: the Gaussian by which the gradient is multiplied, so that the picture grows from its middle; with `auto`,
            `Ascent` chooses it by the stack; None for no focus.
        denoising: the denoiser that acts after every step; None for no denoiser.

    Example:
        >>> from dataclasses import replace
        >>> from das_core import SKETCH, class_objective, ImageStack, StackSpec, load_starter
        >>> jellyfish = class_objective(load_starter(), "jellyfish")
        >>> stack = ImageStack.gray(StackSpec(width=64, height=64, margin=16))
        >>> result = replace(SKETCH, steps=2).prepare(stack, [jellyfish]).run()
        >>> tuple(result.image.shape)
        (1, 3, 64, 64)
    """

    steps: int = 60
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(16, Windows(fitted=True), VIEWED))
    optimizer: Optimizer = field(default_factory=NormalizedAscent)
    schedule: Schedule = "cosine"
    focus: Focus | Literal["auto"] | None = "auto"
    denoising: Denoising | None = field(default_factory=Denoising)

    def prepare(
        self,
        stack: ImageStack,
        objectives: Objective | Sequence[Objective] | Plan,
        *,
        seed: int = 0,
        chunk: int = 0,
        device: torch.device | str | None = None,
        within: Within | float | None = None,
    ) -> Ascent:
        """Return an ascent with these settings, before its first step.

        Args:
            stack: the stack to start from, which is not changed.
            objectives: one or several; at least one has a weight other than 0.
            seed: the seed of all random draws, 0 or above.
            chunk: how many views go through a judge at once; with 0, `Ascent` chooses it by the device.
            device: where to compute, by default where the stack is.
            within: how far the picture may go from `stack.start`, see `Ascent`.

        Raises:
            ValueError: when a setting is out of range or does not fit the stack, see `Ascent`.
        """
        return Ascent(
            stack,
            objectives,
            self.augmentation,
            steps=self.steps,
            optimizer=self.optimizer,
            schedule=self.schedule,
            seed=seed,
            chunk=chunk,
            device=device,
            focus=self.focus,
            denoising=self.denoising,
            within=within,
        )


FILM_VIEWS = 24
"""`suit_film` raises the number of views per step of a recipe to at most this number. With few views, each frame of a
film is shown too rarely."""


def suit_film(recipe: Recipe) -> Recipe:
    """Return a recipe adapted to a film, with three times its views per step, up to 24.

    A recipe that has more than 24 views keeps their number.

    Args:
        recipe: the recipe of a picture.

    Example:
        >>> from das_core import SKETCH
        >>> from das_core.ascent.recipe import suit_film
        >>> SKETCH.augmentation.views, suit_film(SKETCH).augmentation.views
        (4, 12)
    """
    views = max(recipe.augmentation.views, min(FILM_VIEWS, 3 * recipe.augmentation.views))
    return replace(recipe, augmentation=replace(recipe.augmentation, views=views))


_CLOSEST_IN_ZOOM = 0.8
"""`Windows.zoom_min` for a zoom. A zoom needs no smaller windows: the middle of each depth shows the next depth, and
other views show that depth at its full size."""

_ZOOM_FOCUS = Focus(start=0.6, end=3.0)
"""The focus for a zoom. It is wider than the focus for a picture, because the next depth covers the middle of each
depth: only the part around the middle is visible."""


def suit_zoom(recipe: Recipe, depths: int, *, climbed: bool = False) -> Recipe:
    """Return a recipe adapted to a zoom, with more views, larger windows and a wider focus.

    The number of views is multiplied by the number of depths, and `Windows.zoom_min` becomes 0.8.

    Args:
        recipe: the recipe of a picture. Its focus is kept, unless it is `auto`.
        depths: how many depths the zoom has.
        climbed: whether an ascent has optimised the zoom before. If so, the focus is kept even if it is `auto`;
            `Ascent` then chooses no focus.

    Raises:
        ValueError: when `Windows.zoom_max` of the recipe is below 0.8, or the views become more than `MOST_VIEWS`.

    Example:
        >>> from das_core import SKETCH
        >>> from das_core.ascent.recipe import suit_zoom
        >>> suited = suit_zoom(SKETCH, depths=6)
        >>> suited.augmentation.views, suited.augmentation.windows.zoom_min, suited.focus.end
        (24, 0.8, 3.0)
    """
    augmentation = recipe.augmentation
    windows = replace(augmentation.windows, zoom_min=_CLOSEST_IN_ZOOM)
    augmentation = replace(augmentation, views=augmentation.views * depths, windows=windows)
    focus = _ZOOM_FOCUS if recipe.focus == "auto" and not climbed else recipe.focus
    return replace(recipe, augmentation=augmentation, focus=focus)


PICTURE = Recipe()
"""The recipe of a finished picture: the defaults of `Ascent`, with `Distance` added to the transforms."""

SKETCH = Recipe(
    steps=56,
    augmentation=Augmentation(4, Windows(fitted=True), _SELDOM_FAR),
    optimizer=NormalizedAscent(step_size=0.12, momentum=0.5),
)
"""The recipe of a recognisable picture, in a third of the time of `PICTURE`. In the same time, few steps of many views
make a worse picture than these many steps of few views with momentum."""

BEST = Recipe(
    steps=150,
    augmentation=Augmentation(24, Windows(fitted=True), _SELDOM_FAR),
    optimizer=NormalizedAscent(step_size=0.09, momentum=0.0),
    denoising=Denoising(share=0.12),
)
"""The recipe of the best picture, with about four times the work of `PICTURE`; more work hardly improves the
picture."""

RECIPES: Mapping[str, Recipe] = {"picture": PICTURE, "sketch": SKETCH, "best": BEST}
"""The recipes by name, as `render` and the node Optimize offer them."""
