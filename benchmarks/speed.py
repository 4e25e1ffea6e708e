"""Speed: the operator K compared with autograd through the levels, and a step compared with the model alone.

The tasks take turns in one process, and ratios of their times are reported, because times alone mean little on a shared
machine.
"""

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor

import direct_ascent as da
from benchmarks.common import time_by_turns
from benchmarks.reference import reference_ascent, seed_views, summed
from das_core.ascent.ascent import Ascent
from das_core.ascent.denoising import Denoising
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.parametrizations import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.windows import ViewGeometry

JELLYFISH = 107
CANVAS = 336
VIEWS = 16


def operator_row(step: int, rounds: int) -> str:
    """Return a row of the table that compares K with autograd, for a stack with every `step`-th resolution as a
    level."""
    resolutions = linear_levels(CANVAS, step)
    levels = [torch.zeros(1, 3, r, r, requires_grad=True) for r in resolutions]
    gradient = torch.randn(1, 3, CANVAS, CANVAS)
    spec = StackSpec(224, 224, levels=resolutions)
    spectral, layers = (spec.operator(gradient.device, method) for method in get_args(OperatorForm))

    def autograd() -> Tensor:
        for level in levels:
            level.grad = None
        summed(levels, CANVAS).backward(gradient)
        return summed([level.grad for level in levels if level.grad is not None], CANVAS)

    def forward_and_backward() -> None:
        for level in levels:
            level.grad = None
        summed(levels, CANVAS).backward(gradient)

    def ten_filters() -> None:
        for _ in range(10):
            spectral.precondition(gradient)

    naive, by_matrix, by_filter = time_by_turns(
        rounds, forward_and_backward, lambda: layers.precondition(gradient), ten_filters
    )
    by_filter /= 10
    error = (spectral.precondition(gradient) - autograd()).norm() / autograd().norm()
    return (
        f"| {len(resolutions)} | {naive * 1e3:.0f} ms | {by_matrix * 1e3:.0f} ms | {by_filter * 1e3:.2f} ms "
        f"| {naive / by_filter:.0f} | {float(error):.1%} |"
    )


def default_step(judge: Classifier, side: int = 448, denoising: Denoising | None = None) -> Callable[[], object]:
    """Return a function that does one whole step of an ascent at each call, with default settings and thus 16 views."""
    stack, wish = ImageStack.gray(StackSpec(side, side)), da.classes(((JELLYFISH, 1.0),)).on(judge)
    steps = iter(Ascent(stack, wish, steps=60, denoising=denoising))
    return lambda: next(steps)


def seed_step(judge: Classifier) -> Callable[[], object]:
    """Return a function that does one step of the published algorithm (`reference_ascent`) at each call."""

    def score(views: Tensor) -> Tensor:
        normalised = ((views - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)
        output: Tensor = judge.module(normalised)
        return output[:, JELLYFISH]

    views = seed_views(VIEWS, judge.size, 56, 0.2, seed=0)
    resolutions = linear_levels(CANVAS, 4)
    return lambda: reference_ascent(
        score, views, side=CANVAS, resolutions=resolutions, steps=1, learning_rate=0.005, render=False
    )


def bare_pass(judge: Classifier, chunk: int) -> Callable[[], object]:
    """Return a function that does only the forward and backward pass of the model on 16 views, `chunk` at a time."""
    keys = [ViewKey(0, 0, 0, view) for view in range(VIEWS)]
    geometry = ViewGeometry((CANVAS, CANVAS), 56, judge.size)
    ready = Augmentation().make_views(
        torch.full((1, 3, CANVAS, CANVAS), 0.5), geometry, Draws(keys, torch.device("cpu"))
    )
    normalised = ((ready - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)
    parts = [part.clone().requires_grad_() for part in normalised.split(chunk)]

    def run() -> None:
        for part in parts:
            part.grad = None
            judge.module(part)[:, JELLYFISH].sum().backward()

    return run


def report(rounds: int = 9) -> str:
    """Measure, and return the section for RESULTS.md; each time in it is the median over `rounds` rounds."""
    judge = load_starter()
    bare_passes = (bare_pass(judge, VIEWS), bare_pass(judge, 4))
    ours, large, painted, seeds, *bare = time_by_turns(
        rounds,
        default_step(judge, 224),
        default_step(judge),
        default_step(judge, denoising=Denoising()),
        seed_step(judge),
        *bare_passes,
    )
    rows = "\n".join(operator_row(step, rounds) for step in (4, 1))
    return f"""One application of K to a gradient of 3 x {CANVAS} x {CANVAS}, against forward and backward through the
interpolations of all levels:

| levels | autograd | layers | spectral | autograd / spectral | error of spectral on white noise |
|---|---|---|---|---|---|
{rows}

A whole step with {VIEWS} views and every fourth level, EfficientNet-Lite0 with batch norm folded in all of them. The
model alone is its forward and backward pass on views that are ready:

| size | a step | ratio |
|---|---|---|
| 224 x 224, no denoiser | {ours * 1e3:.0f} ms | 1 |
| 448 x 448, no denoiser | {large * 1e3:.0f} ms | {large / ours:.2f} times the first |
| 448 x 448, total variation: the default | {painted * 1e3:.0f} ms | {painted / large:.3f} times that without it |
| the seed's loop | {seeds * 1e3:.0f} ms | {seeds / ours:.2f} times the first |
| the model alone, all views at once | {bare[0] * 1e3:.0f} ms | the first is {ours / bare[0]:.2f} times this |
| the model alone, four views at a time | {bare[1] * 1e3:.0f} ms | the first is {ours / bare[1]:.2f} times this |
"""
