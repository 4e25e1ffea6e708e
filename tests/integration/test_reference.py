"""`layers` with `sgd` and rgb is the reference algorithm: same draws, same pictures."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor, nn

import direct_ascent as da
from benchmarks.reference import reference_ascent
from cases import each_case
from das_core.stack.levels import linear_levels
from das_core.views.draws import Draws, ViewKey
from das_core.views.windows import ViewGeometry

JELLYFISH = 107
# The proportions of the published code at 96 pixels, not 224: a margin of a quarter, views as large as the picture.
SIDE, MARGIN, CANVAS = 96, 24, 144
INNER = slice(MARGIN, MARGIN + SIDE)
SEED_AUGMENTATION = da.views.Augmentation(4, da.views.Windows(MARGIN, 2 / 3, 2 / 3), (da.views.Noise(0.2, "uniform"),))


def starter() -> da.Classifier:
    return replace(da.load_starter(), size=SIDE)


@cache
def smooth() -> da.Classifier:
    """The starter's real weights with its ReLU6 replaced by a smooth function.

    At a kink one rounding decides the gradient of a unit, and a few steps carry that into the picture.
    """
    judge = starter()
    for name, part in list(judge.module.named_modules()):
        if isinstance(part, nn.ReLU6):
            parent, _, leaf = name.rpartition(".")
            setattr(judge.module.get_submodule(parent), leaf, nn.SiLU())
    return judge


def same_views(augmentation: da.views.Augmentation, seed: int) -> Callable[[Tensor, int], Tensor]:
    """The reference's own roll, crop, noise and clip, with the offsets and noise that an ascent draws."""

    def views(picture: Tensor, step: int) -> Tensor:
        keys = [ViewKey(seed, 0, step, view) for view in range(augmentation.views)]
        draws = Draws(keys, torch.device("cpu"))
        windows = augmentation.windows.draw(ViewGeometry((CANVAS, CANVAS), MARGIN), draws)
        noise = draws.noise((3, SIDE, SIDE), "uniform")
        rolled = [torch.roll(picture, (MARGIN - top, MARGIN - left), dims=(2, 3))[0] for top, left, _ in windows]
        return (torch.stack(rolled)[:, :, INNER, INNER] + 0.2 * noise).clamp(0, 1)

    return views


def compare(
    judge: da.Classifier, step: int, learning_rate: float, momentum: float = 0.0, steps: int = 4, image: bool = False
) -> list[float]:
    """Compare the picture of our ascent with that of the reference, on the same draws; return our scores."""
    levels = linear_levels(CANVAS, step)
    spec = da.StackSpec(SIDE, SIDE, MARGIN, levels=levels, color="rgb", method="layers")
    stack, start = da.ImageStack.gray(spec), None
    if image:
        low = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
        start = torch.nn.functional.interpolate(low, size=CANVAS, mode="bilinear")
        stack = da.ImageStack.from_canvas(spec, torch.atanh(2 * start - 1))
    expected, _ = reference_ascent(
        lambda views: judge.module((views - 0.5) / 0.5)[:, JELLYFISH],
        same_views(SEED_AUGMENTATION, 3),
        side=CANVAS,
        resolutions=levels,
        steps=steps,
        learning_rate=learning_rate,
        momentum=momentum,
        start=start,
    )
    result = da.Ascent(
        stack,
        [da.classes(JELLYFISH, "logit").on(judge)],
        SEED_AUGMENTATION,
        steps=steps,
        optimizer=da.ascent.SGD(learning_rate, momentum),
        schedule="constant",
        seed=3,
        focus=None,
    ).run()
    assert (result.stack.pixels() - expected).abs().max() < 1e-4
    return [record.scores["jellyfish"] for record in result.history]


@each_case(("momentum", "image"), (0.9, False), (0.0, True))
def test_steps_of_sgd_on_layers_in_rgb_are_the_reference(momentum: float, image: bool) -> None:
    scores = compare(smooth(), 16, 0.004, momentum, image=image)
    assert scores[-1] > scores[0] + 0.1


def test_the_first_step_with_the_starter_is_the_reference() -> None:
    compare(starter(), 4, 0.005, steps=1)
