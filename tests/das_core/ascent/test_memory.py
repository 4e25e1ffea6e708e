"""The estimate of an ascent's memory against what its tensors take, counted one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.memory import estimate_ascent_bytes
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.plan import make_plan
from das_core.ascent.sgd import SGD
from das_core.objectives.diversity import diversity_objective
from das_core.objectives.feature import feature_objective
from das_core.objectives.priors import prior
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import PatchMask
from das_core.views.windows import Windows
from toys import classifier, toy_class

VIEWS = Augmentation(4, Windows(16))
ASCENT, HEAVY = NormalizedAscent(momentum=0.5), SGD(momentum=0.9)


def estimate(stack: ImageStack, asked: Objective | Sequence[Objective], *more: Any, **named: Any) -> int:
    groups = make_plan(asked, stack.spec, stack.batch).groups if asked else ()
    return estimate_ascent_bytes(stack.spec, stack.batch, groups, *more, **named)


@each_case(
    ("batch", "spec", "optimizer"),
    [
        # Levels of this test alone, so that no operator of another test is taken from the cache.
        *((2, StackSpec(96, 96, 16, (*range(1, 96, 5), 127), method="spectral"), one) for one in (ASCENT, Adam())),
        *((2, StackSpec(96, 96, 16, (*range(1, 96, 5), 126), method="layers"), one) for one in (ASCENT, HEAVY)),
        *((1, StackSpec(64, 64, 16, (*range(1, 64, 5), 95), time=Time(frames)), HEAVY) for frames in (3, 30)),
        (1, StackSpec(64, 64, 16, (*range(1, 64, 5), 94), time=Time(30)), NormalizedAscent()),
    ],
)
def test_the_estimate_of_pictures_and_films_is_within_a_factor_of_two(
    batch: int, spec: StackSpec, optimizer: Optimizer
) -> None:
    wish = [toy_class()]
    with PeakBytes() as made:
        stack = ImageStack.gray(spec, batch)
        Ascent(stack, wish, VIEWS, steps=2, optimizer=optimizer, chunk=4).run()
    said = estimate(stack, wish, optimizer, 4)
    assert made.peak / 2 < said < 2 * made.peak


def test_levels_matrices_groups_views_and_their_transforms_count() -> None:
    plain, two = [toy_class()], [toy_class(), prior("total_variation")]
    stack, matrices = (ImageStack.gray(StackSpec(96, 64, 8, method=method)) for method in ("spectral", "layers"))
    least = estimate(stack, plain)
    assert least < min(estimate(stack, two), estimate(stack, plain, chunk=2), estimate(matrices, plain))
    assert estimate(matrices, plain, SGD()) < estimate(stack, plain, Adam())
    assert estimate(stack, []) > 10 * stack.canvas.numel() * torch.float32.itemsize
    bare, said = (estimate(stack, plain, None, 64, hidden) for hidden in ([], [PatchMask(64)] * 20))
    assert said - bare == pytest.approx(64 * 20 * PatchMask.kept_views * 4 * 3 * classifier().size ** 2, rel=1e-3)


def test_where_images_are_compared_a_view_of_each_is_there_at_once() -> None:
    model, stack = classifier(), ImageStack.gray(StackSpec(64, 64, 8), 5)
    alone = feature_objective(model, "2", "channel", 3)
    apart = diversity_objective(model, "2")
    for chunk in (1, 5, 6):
        assert estimate(stack, [apart], chunk=chunk) == estimate(stack, [alone], chunk=max(chunk, 5))


def test_memory_grows_with_the_batch_and_the_canvas_but_not_with_the_levels() -> None:
    spec = StackSpec(64, 32, 8)
    one, two, three = (estimate_ascent_bytes(spec, batch) for batch in (1, 2, 3))
    assert two - one == three - two
    # At least start, canvas, picture, gradient and momentum of every further image, in float32.
    assert two - one >= 5 * 4 * 3 * 48 * 80
    assert estimate_ascent_bytes(replace(spec, levels=(1, 4)), 1) == one
    assert estimate_ascent_bytes(StackSpec(144, 80, 8), 1) == 4 * one
    picture = StackSpec(64, 64, 8)
    film = replace(picture, time=Time(100))
    more = estimate_ascent_bytes(film, 100) - estimate_ascent_bytes(picture, 100)
    assert more == film.operator_bytes() - picture.operator_bytes()
