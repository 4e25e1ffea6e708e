"""Ascents that make the picture of a class in several libraries; a judge classifies their images at fixed times."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torchvision.transforms.functional import normalize

import direct_ascent as da
from benchmarks.common import SEED
from benchmarks.pace import Look
from das_core.ascent.recipe import Recipe
from das_core.atlas.units import Units
from das_core.atlas.units import watch as see
from das_core.models.classifier import Classifier
from das_core.models.judge import Judge
from das_core.objectives.classes import ScoreKind
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import ParametrizationName
from das_core.stack.spec import StackSpec

_MEAN = _STD = (0.5, 0.5, 0.5)  # normalisation of the starters: 0..1 becomes -1..1


class TimeIsUp(Exception):  # noqa: N818
    """Ends an ascent whose time is over, also in libraries that take no callback which could stop them."""


@dataclass
class Watch:
    """A stopwatch for an ascent: a judge looks at the picture at planned moments, and its time does not count."""

    ask: Callable[[Tensor], float]  # the judge's probability of the class for an image
    moments: Sequence[float]  # seconds of the ascent, rising
    clock: Callable[[], float] = time.process_time
    looks: list[Look] = field(default_factory=list)
    steps: int = 0
    finished: bool = False
    image: Tensor | None = None
    _begin: float = 0.0

    def __post_init__(self) -> None:
        self._begin = self.clock()

    def tick(self, show: Callable[[], Tensor]) -> None:
        """Count a step, and let the judge look if a moment has passed since the step before; the last ends the run."""
        self.steps += 1
        spent = self.clock() - self._begin
        passed = sum(moment <= spent for moment in self.moments)
        if passed > len(self.looks):
            self._look(spent, show(), passed - len(self.looks))
        if passed == len(self.moments):
            raise TimeIsUp

    def finish(self, image: Tensor) -> None:
        """Let the judge look at the finished image, (1, 3, H, W), 0..1."""
        self.finished = True
        self._look(self.clock() - self._begin, image, 1)

    def _look(self, spent: float, image: Tensor, times: int) -> None:
        """Let the judge look at an image, and add the `Look` to `looks`; the time that this takes is not counted."""
        stopped = self.clock()
        self.image = image.detach().clamp(0, 1)
        self.looks += [Look(spent, self.ask(self.image))] * times
        self._begin += self.clock() - stopped


# A function that makes the picture of a class of a classifier. It calls `Watch.tick` after each step of its ascent and
# returns the final image (1, 3, H, W), 0..1.
Climb = Callable[[Classifier, int, Watch], Tensor]


def climb_with_recipe(
    recipe: Recipe, size: int, score: ScoreKind = "log_probability", parametrization: ParametrizationName = "pyramid"
) -> Climb:
    """Return the function that makes pictures with a recipe, as `direct_ascent.render` does."""
    spec = StackSpec(size, size, parametrization=parametrization)

    def climb(climber: Classifier, target: int, watch: Watch) -> Tensor:
        objective = da.classes(((target, 1.0),), score).on(climber)
        ascent = recipe.prepare(ImageStack.gray(spec), objective, seed=SEED)
        for step in ascent:
            watch.tick(step.image)
        return ascent.result.image

    return climb


def climb_with_lucent(size: int) -> Climb:
    """Return the function that makes pictures of classes with lucent's `render_vis`."""
    return lambda climber, target, watch: _climb_with_lucent(climber, f"labels:{target}", watch, size)


def watch_lucent(judge: Judge, units: Units, number: int, watch: Watch, size: int) -> Tensor:
    """Make the picture of a channel with lucent, as `Climb` does that of a class."""
    return _climb_with_lucent(judge, f"{units.name.replace('.', '_')}:{number}", watch, size)


def _climb_with_lucent(judge: Judge, wish: str, watch: Watch, size: int) -> Tensor:
    from lucent.optvis import param, render, transform

    parameters, show = param.image(size)
    transforms = [*transform.standard_transforms, lambda views: normalize(views, _MEAN, _STD)]
    with _watch_optimizers(watch, lambda _: show()):
        render.render_vis(
            # lucent gets a copy of the model, because its hooks stay on the model.
            deepcopy(judge.module),
            wish,
            lambda: (parameters, show),
            transforms=transforms,
            preprocess=False,
            progress=False,
            show_image=False,
        )
    return show().detach()


def climb_with_horama(size: int, **settings: Any) -> Climb:
    """Return the function that makes pictures of classes with Horama's `fourier`."""

    def climb(climber: Classifier, target: int, watch: Watch) -> Tensor:
        return _climb_with_horama(climber, lambda views: climber.module(views)[:, target].mean(), watch, size, settings)

    return climb


def watch_horama(judge: Judge, units: Units, number: int, watch: Watch, size: int, **settings: Any) -> Tensor:
    """Make the picture of a channel with Horama, as `Climb` does that of a class."""
    layer = see(judge, [units])
    return _climb_with_horama(
        judge, lambda views: units.read(layer((views + 1) / 2))[:, number].mean(), watch, size, settings
    )


def _climb_with_horama(
    judge: Judge, score: Callable[[Tensor], Tensor], watch: Watch, size: int, settings: Mapping[str, Any]
) -> Tensor:
    from horama import fourier
    from horama.fourier_fv import fourier_preconditionner, get_fft_scale

    # 1.5 is the decay that `fourier` has by default.
    scale = get_fft_scale(size, size, 1.5)

    def show(optimizer: torch.optim.Optimizer) -> Tensor:
        (spectrum,) = optimizer.param_groups[0]["params"]
        return (fourier_preconditionner(spectrum, scale, (-1, 1), "cpu")[None] + 1) / 2

    with _watch_optimizers(watch, show):
        image, _ = fourier(
            score, image_size=size, model_input_size=judge.size, values_range=(-1, 1), device="cpu", **settings
        )
    return (image.detach()[None] + 1) / 2


@contextmanager
def _watch_optimizers(watch: Watch, show: Callable[[torch.optim.Optimizer], Tensor]) -> Iterator[None]:
    """Call `watch.tick` after every step of any optimizer of PyTorch while the `with` block runs."""
    handle = register_optimizer_step_post_hook(lambda optimizer, *_: watch.tick(lambda: show(optimizer)))
    try:
        yield
    finally:
        handle.remove()
