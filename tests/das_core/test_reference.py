"""`exact` with `sgd` and rgb is the reference algorithm: same draws, same pictures, same levels."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from benchmarks.reference import reference_ascent
from das_core.ascent import Ascent
from das_core.augment import Augmentation, Noise, Windows
from das_core.draws import Draws, ViewKey
from das_core.levels import linear_levels
from das_core.models.classifier import Classifier
from das_core.models.starter import load_starter
from das_core.objectives.classes import ClassObjective
from das_core.optimizers import SGD
from das_core.stack import ImageStack, StackSpec

JELLYFISH = 107
STEPS = 10
SEED_AUGMENTATION = Augmentation(4, Windows(56, 2 / 3, 2 / 3), (Noise(0.2),))


@cache
def starter() -> Classifier:
    return load_starter()


def same_views(augmentation: Augmentation, seed: int) -> Callable[[Tensor, int], Tensor]:
    """The reference's own roll, crop, noise and clip, with the offsets and noise that an ascent draws."""

    def views(picture: Tensor, step: int) -> Tensor:
        keys = [ViewKey(seed, 0, step, view) for view in range(augmentation.views)]
        draws = Draws(keys, torch.device("cpu"))
        windows = augmentation.windows.draw((336, 336), 56, draws)
        noise = draws.noise((3, 224, 224), "uniform")
        rolled = [
            torch.roll(picture, (56 - top, 56 - left), dims=(2, 3))[0, :, 56:280, 56:280] for top, left, _ in windows
        ]
        return (torch.stack(rolled) + 0.2 * noise).clamp(0, 1)

    return views


def logit(views: Tensor) -> Tensor:
    output: Tensor = starter().module((views - 0.5) / 0.5)
    return output[:, JELLYFISH]


@pytest.mark.parametrize(
    ("step", "learning_rate", "momentum", "from_image"),
    [(4, 0.005, 0.0, False), (16, 0.02, 0.0, False), (16, 0.01, 0.9, False), (16, 0.02, 0.0, True)],
)
def test_exact_sgd_in_rgb_is_the_reference(
    step: int, learning_rate: float, momentum: float, from_image: bool
) -> None:
    levels = linear_levels(336, step)
    spec = StackSpec(224, 224, 56, levels=levels, color="rgb", method="exact")
    stack = ImageStack.grey(spec)
    start = None
    if from_image:
        low = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
        start = torch.nn.functional.interpolate(low, size=336, mode="bilinear")
        stack = ImageStack.at(spec, torch.atanh(2 * start - 1))
    expected, expected_levels = reference_ascent(
        logit,
        same_views(SEED_AUGMENTATION, 3),
        side=336,
        resolutions=levels,
        steps=STEPS,
        learning_rate=learning_rate,
        momentum=momentum,
        start=start,
    )
    ascent = Ascent(
        stack,
        [ClassObjective(starter(), ((JELLYFISH, 1.0),))],
        SEED_AUGMENTATION,
        steps=STEPS,
        optimizer=SGD(learning_rate, momentum),
        schedule="constant",
        seed=3,
    )
    records = [step.record for step in ascent]
    assert records[-1].scores["jellyfish"] > records[0].scores["jellyfish"] + 1
    result = ascent.result.stack
    assert (result.pixels() - expected).abs().max() < 1e-4
    for part, reference in zip(result.levels(), expected_levels, strict=True):
        assert (part - reference).norm() <= 1e-4 * reference.norm()
