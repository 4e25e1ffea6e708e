"""Recipes: settings of an ascent that were chosen together (docs/method.md, The recipe of the defaults)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from ..objectives.objective import Objective
from ..stack.image_stack import ImageStack
from ..views.augmentation import Augmentation
from ..views.transforms import Distance, Flip, Grayscale, Noise, Transform
from ..views.windows import MiddleSquare, Windows
from .ascent import Ascent
from .denoising import Denoising
from .focus import Focus
from .normalized_ascent import NormalizedAscent
from .optimizers import Optimizer
from .pace import Schedule
from .plan import Plan
from .preparation import check_parts, check_settings
from .steepest_ascent import SteepestAscent
from .within import Within

RecipeName = Literal["picture", "sketch", "best", "feature", "style", "dream"]

VIEWED: tuple[Transform, ...] = (Flip(), Distance(), Grayscale(), Noise())
"""The transforms of the views in `PICTURE`: those of `Augmentation()`, and `Distance`, which blurs a third of them."""

_SELDOM_FAR: tuple[Transform, ...] = (Flip(), Distance(0.25), Grayscale(), Noise())
"""The transforms of the views in `SKETCH` and `BEST`: `Distance` blurs about every fourth view."""


@dataclass(frozen=True)
class Recipe:
    """The settings of an ascent, without its objectives; each means the same as for `Ascent`.

    Args:
        steps: the number of steps.
        augmentation: how the judges see the canvas.
        optimizer: how a gradient moves the stack.
        schedule: how the step size changes.
        focus: the Gaussian in which the picture grows; None for none.
        denoising: the denoiser that acts after every step; None for none.

    Example:
        >>> from dataclasses import replace
        >>> import direct_ascent as da
        >>> jellyfish = da.classes("jellyfish").on(da.load_starter())
        >>> stack = da.ImageStack.gray(da.StackSpec(width=64, height=64, margin=16))
        >>> result = replace(da.SKETCH, steps=2).prepare(stack, [jellyfish]).run()
        >>> tuple(result.image.shape)
        (1, 3, 64, 64)
    """

    steps: int = 60
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(16, Windows(fitted=True), VIEWED))
    optimizer: Optimizer = field(default_factory=NormalizedAscent)
    schedule: Schedule = "cosine"
    focus: Focus | Literal["auto"] | None = "auto"
    denoising: Denoising | None = field(default_factory=Denoising)

    def __post_init__(self) -> None:
        check_parts(**{name: getattr(self, name) for name in ("augmentation", "optimizer", "focus", "denoising")})

    def prepare(self, stack: ImageStack, objectives: Objective | Sequence[Objective] | Plan, **more: Any) -> Ascent:
        """Return an ascent with these settings, before its first step; for `more` arguments and errors see `Ascent`."""
        return Ascent(stack, objectives, **vars(self), **more)


def suit_film(recipe: Recipe) -> Recipe:
    """Return a recipe adapted to a film, with three times its views per step, up to 24."""
    # With few views, each frame would be shown too rarely.
    views = max(recipe.augmentation.views, min(24, 3 * recipe.augmentation.views))
    return replace(recipe, augmentation=replace(recipe.augmentation, views=views))


def suit_zoom(recipe: Recipe, depths: int, *, climbed: bool = False) -> Recipe:
    """Return a recipe for a zoom: with `depths` times its views, wide windows, and a wide focus unless it `climbed`."""
    augmentation = recipe.augmentation
    # The middle of each depth shows the next depth, which other views show at its full size.
    windows = replace(augmentation.windows, zoom_min=0.8)
    augmentation = replace(augmentation, views=augmentation.views * depths, windows=windows)
    focus = Focus(start=0.6, end=3.0) if recipe.focus == "auto" and not climbed else recipe.focus
    return replace(recipe, augmentation=augmentation, focus=focus)


def suit_bound(recipe: Recipe, within: Within) -> Recipe:
    """Return a recipe adapted to a bound: if it moves pixels, its step size, measured by the norm of the bound, is 4
    times the limit divided by the steps, under `l2` 8 times (*Attacks* in benchmarks/RESULTS.md)."""
    if not isinstance(recipe.optimizer, SteepestAscent):
        return recipe
    check_settings(recipe.steps, recipe.schedule, seed=0, chunk=0)
    step_size = (4 if within.norm == "linf" else 8) * within.limit / recipe.steps
    return replace(recipe, optimizer=replace(recipe.optimizer, step_size=step_size, norm=within.norm))


def suit_stack(recipe: Recipe, stack: ImageStack) -> Recipe:
    """Return a recipe adapted to what a stack is: a film, a zoom, a tile, or a part of a photograph under a mask."""
    spec = stack.spec
    if spec.zoom is not None:
        recipe = suit_zoom(recipe, spec.zoom.depths, climbed=stack.steps > 0)
    elif spec.time is not None:
        recipe = suit_film(recipe)
    if spec.tile:
        # A pattern without a middle: a fourth of its views or more show less than half of it, and none is blurred.
        augmentation = recipe.augmentation
        windows = replace(augmentation.windows, zoom_min=min(augmentation.windows.zoom_min, 0.2))
        transforms = tuple(one for one in augmentation.transforms if not isinstance(one, Distance))
        recipe = replace(recipe, augmentation=replace(augmentation, windows=windows, transforms=transforms))
    if stack.surroundings is not None and recipe.denoising is not None:
        # The photograph comes back around what is added to it.
        recipe = replace(recipe, denoising=replace(recipe.denoising, keep=0.03))
    return recipe


PICTURE = Recipe()
"""The recipe of a finished picture: the defaults of `Ascent`, with `Distance` added to the transforms."""

SKETCH = Recipe(
    steps=56,
    augmentation=Augmentation(4, Windows(fitted=True), _SELDOM_FAR),
    optimizer=NormalizedAscent(step_size=0.12),
)
"""The recipe of a recognisable picture, in a third of the time of `PICTURE`: many steps of few views."""

BEST = Recipe(
    steps=150,
    augmentation=Augmentation(24, Windows(fitted=True), _SELDOM_FAR),
    optimizer=NormalizedAscent(step_size=0.09),
    denoising=Denoising(share=0.12),
)
"""The recipe of the best picture, with about four times the work of `PICTURE`; more work hardly improves it."""

FEATURE = Recipe(
    steps=64,
    augmentation=Augmentation(1, Windows(jitter=8, zoom_min=0.97, fitted=True), ()),
    optimizer=NormalizedAscent(step_size=0.08),
    focus=None,
    denoising=Denoising(share=0.15),
)
"""The recipe of a part of a model, such as a channel: one wide view a step, which is neither mirrored nor noisy, since
many parts tell left from right, or answer to fine detail."""

_EVENLY = NormalizedAscent(step_size=0.04, coarse_to_fine=0.0, tilt=0.0)
"""Small steps that change the whole of a given image and all its frequencies alike."""

STYLE = Recipe(80, Augmentation(8, Windows(fitted=True), ()), _EVENLY, focus=None, denoising=None)
"""The recipe that draws a given image anew. Noise in views would count as texture, and mirrored strokes as style."""

DREAM = Recipe(
    steps=50,
    augmentation=Augmentation(12, Windows(zoom_min=0.3, zoom_max=0.8, zoom_start=0.3, fitted=True), (Flip(), Noise())),
    optimizer=_EVENLY,
    focus=None,
    denoising=None,
)
"""The recipe of a deep dream: close views of a given image, in which small things are found."""

ATTACK = Recipe(
    steps=20,
    augmentation=Augmentation(1, MiddleSquare(boxed=False), ()),
    optimizer=SteepestAscent(),
    focus=None,
    denoising=None,
)
"""The recipe of an attack within 8/255: steps of PGD at the whole picture, as a model is tested with it. The cosine
schedule and the momentum make it stronger than equally many steps of one size (docs/attacks.md)."""

RECIPES: Mapping[str, Recipe] = dict(
    zip(get_args(RecipeName), (PICTURE, SKETCH, BEST, FEATURE, STYLE, DREAM), strict=True)
)
"""The recipes by name, as `render` and the node Optimize offer them."""
