"""The gradient of a step as an ascent measures it, and the same gradient by plain autograd, for comparison."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

import direct_ascent as da
from das_core.ascent.active_region import ActiveRegion
from das_core.ascent.gradient import ScoreGradient
from das_core.ascent.pace import Pace
from das_core.stack.pixels import ColorSpace, to_rgb
from das_core.views.draws import Draws, ViewKey
from das_core.views.windows import ViewGeometry
from toys import SPEC, VIEWS, answer, make_scoring

CPU = torch.device("cpu")

SEED, STEP, PACE = 5, 4, Pace(rate=0.7, coarse_progress=0.5, progress=0.25, tilt=0.5)


def noisy(color: ColorSpace = "decorrelated", batch: int = 2, **spec: object) -> da.ImageStack:
    """Return a stack of noise, whose canvas is neither grey nor saturated."""
    return da.ImageStack.noise(replace(SPEC, color=color, **spec), batch, amplitude=0.8)  # type: ignore[arg-type]


def measure(
    stack: da.ImageStack,
    objectives: Sequence[da.Objective],
    augmentation: da.views.Augmentation = VIEWS,
    chunk: int = 100,
) -> tuple[Tensor, dict[str, float]]:
    """Return the gradient and the scores as an ascent measures them, at the canvas of the stack."""
    measured = ScoreGradient(make_scoring(stack, objectives, augmentation, SEED))
    gradient, scores = measured(stack.canvas, STEP, PACE, stack.spec.operator(CPU), chunk)
    return gradient, {name: float(score) for name, score in scores.items()}


def views_by_hand(
    pixels: Tensor, spec: da.StackSpec, size: int, number: int = 0, region: ActiveRegion | None = None
) -> Tensor:
    """Return all views of the group number `number` at step `STEP` of an ascent, in one batch."""
    keys = [ViewKey(SEED, item, STEP, view, number) for item in range(len(pixels)) for view in range(VIEWS.views)]
    geometry = ViewGeometry(spec.canvas, spec.margin, size, boxes=None if region is None else region.boxes)
    return VIEWS.make_views(pixels, geometry, Draws(keys, CPU, PACE.coarse_progress, PACE.progress))


def differentiate(stack: da.ImageStack, score: Callable[[Tensor], Tensor], mask: Tensor | None = None) -> Tensor:
    """Return the gradient of a score of the pixels at the canvas, by autograd through colours and tanh."""
    canvas = stack.canvas.clone().requires_grad_()
    pixels = (torch.tanh(to_rgb(canvas, stack.spec.color)) + 1) / 2
    if stack.surroundings is not None:
        share = stack.surroundings.mask
        pixels = pixels * share + stack.surroundings.pixels * (1 - share)
    if mask is not None:
        # What lies outside the mask keeps its pixels but passes no gradient.
        pixels = mask * pixels + (1 - mask) * pixels.detach()
    (gradient,) = torch.autograd.grad(score(pixels), canvas)
    return gradient


def total(
    objective: da.Objective, stack: da.ImageStack, number: int = 0, region: ActiveRegion | None = None
) -> Callable[[Tensor], Tensor]:
    """Return a function from the pixels to the sum, over all images, of the mean score of the views of an image."""

    def score(pixels: Tensor) -> Tensor:
        (term,) = objective.list_terms()
        assert term.judge is not None
        views = views_by_hand(pixels, stack.spec, term.judge.size, number, region)
        return answer(objective, views).sum() / VIEWS.views

    return score


def film(frames: int = 4, **spec: object) -> da.ImageStack:
    return da.ImageStack.noise(replace(SPEC, time=da.stack.Time(frames), **spec), amplitude=0.8)  # type: ignore[arg-type]
