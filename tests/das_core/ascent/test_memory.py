"""The estimate of an ascent's memory against what its tensors take, counted one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

import das_core as da
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.memory import estimate_ascent_bytes
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.plan import make_plan
from toys import classifier, toy_class

VIEWS = da.Augmentation(4, da.Windows(16))
ASCENT, HEAVY = da.NormalizedAscent(momentum=0.5), da.SGD(momentum=0.9)


def estimate(stack: da.ImageStack, asked: da.Objective | Sequence[da.Objective], *more: Any, **named: Any) -> int:
    groups = make_plan(asked, stack.spec, stack.batch).groups if asked else ()
    return estimate_ascent_bytes(stack.spec, stack.batch, groups, *more, **named)


@each_case(
    ("batch", "spec", "optimizer"),
    [
        # Levels of this test alone, so that no operator of another test is taken from the cache.
        *(
            (2, da.StackSpec(96, 96, 16, (*range(1, 96, 5), 127), method="spectral"), one)
            for one in (ASCENT, da.Adam())
        ),
        *((2, da.StackSpec(96, 96, 16, (*range(1, 96, 5), 126), method="layers"), one) for one in (ASCENT, HEAVY)),
        *((1, da.StackSpec(64, 64, 16, (*range(1, 64, 5), 95), time=da.Time(frames)), HEAVY) for frames in (3, 30)),
        (1, da.StackSpec(64, 64, 16, (*range(1, 64, 5), 94), time=da.Time(30)), da.NormalizedAscent()),
    ],
)
def test_the_estimate_of_pictures_and_films_is_within_a_factor_of_two(
    batch: int, spec: da.StackSpec, optimizer: Optimizer
) -> None:
    wish = [toy_class()]
    with PeakBytes() as made:
        stack = da.ImageStack.gray(spec, batch)
        da.Ascent(stack, wish, VIEWS, steps=2, optimizer=optimizer, chunk=4).run()
    said = estimate(stack, wish, optimizer, 4)
    assert made.peak / 2 < said < 2 * made.peak


def test_levels_matrices_groups_views_and_their_transforms_count() -> None:
    plain, two = [toy_class()], [toy_class(), da.prior("total_variation")]
    stack, matrices = (da.ImageStack.gray(da.StackSpec(96, 64, 8, method=method)) for method in ("spectral", "layers"))
    least = estimate(stack, plain)
    assert least < min(estimate(stack, two), estimate(stack, plain, chunk=2), estimate(matrices, plain))
    assert estimate(matrices, plain, da.SGD()) < estimate(stack, plain, da.Adam())
    assert estimate(stack, []) > 10 * stack.canvas.numel() * torch.float32.itemsize
    # Where images are compared, a view of each is there at once.
    model, images = classifier(), da.ImageStack.gray(da.StackSpec(64, 64, 8), 5)
    alone, apart = da.feature_objective(model, "2", "channel", 3), da.diversity_objective(model, "2")
    for chunk in (1, 5, 6):
        assert estimate(images, [apart], chunk=chunk) == estimate(images, [alone], chunk=max(chunk, 5))
    bare, said = (estimate(stack, plain, None, 64, hidden) for hidden in ([], [da.PatchMask(64)] * 20))
    assert said - bare == pytest.approx(64 * 20 * da.PatchMask.kept_views * 4 * 3 * classifier().size ** 2, rel=1e-3)


def test_memory_grows_with_the_batch_and_the_canvas_but_not_with_the_levels() -> None:
    spec = da.StackSpec(64, 32, 8)
    one, two, three = (estimate_ascent_bytes(spec, batch) for batch in (1, 2, 3))
    assert two - one == three - two
    # At least start, canvas, picture, gradient and momentum of every further image, in float32.
    assert two - one >= 5 * 4 * 3 * 48 * 80
    assert estimate_ascent_bytes(replace(spec, levels=(1, 4)), 1) == one
    assert estimate_ascent_bytes(da.StackSpec(144, 80, 8), 1) == 4 * one
    picture = da.StackSpec(64, 64, 8)
    film = replace(picture, time=da.Time(100))
    more = estimate_ascent_bytes(film, 100) - estimate_ascent_bytes(picture, 100)
    assert more == film.operator_bytes() - picture.operator_bytes()
