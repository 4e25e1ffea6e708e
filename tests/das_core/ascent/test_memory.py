"""The estimate of an ascent's memory against what its tensors take, counted one by one."""

import pytest
import torch

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.memory import estimate_ascent_bytes
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.objectives.diversity import DiversityObjective
from das_core.objectives.feature import FeatureObjective
from das_core.objectives.prior import Prior
from das_core.stack.image_stack import ImageStack
from das_core.stack.operator_forms import Method
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import PatchMask
from das_core.views.windows import Windows
from toys import class_objective, classifier

VIEWS = Augmentation(4, Windows(16))


@each_case(
    ("method", "optimizer"),
    [
        ("spectral", NormalizedAscent()),
        ("exact", SGD(momentum=0.9)),
        ("layers", NormalizedAscent(momentum=0.5)),
        ("layers", SGD(momentum=0.9)),
        ("spectral", Adam()),
    ],
)
@each_case("side", [64, 224])
def test_the_estimate_is_within_a_factor_of_two(method: Method, optimizer: Optimizer, side: int) -> None:
    # Levels of this test alone, so that no operator of another test is taken from the cache.
    levels = (*range(1, side, 5), side + 31)
    wish = [class_objective()]
    with PeakBytes() as made:
        stack = ImageStack.gray(StackSpec(side, side, 16, levels=levels, method=method), 2)
        Ascent(stack, wish, VIEWS, steps=2, optimizer=optimizer, chunk=4).run()
    said = estimate_ascent_bytes(stack, wish, optimizer, 4)
    assert made.peak / 2 < said < 2 * made.peak


@each_case("optimizer", [NormalizedAscent(), SGD(momentum=0.9)])
@each_case("frames", [3, 40])
def test_the_estimate_of_a_film_is_within_a_factor_of_two(frames: int, optimizer: Optimizer) -> None:
    levels = (*range(1, 96, 5), 90 + frames)
    wish = [class_objective()]
    with PeakBytes() as made:
        stack = ImageStack.gray(StackSpec(96, 96, 24, levels=levels, time=Time(frames)))
        Ascent(stack, wish, VIEWS, steps=2, optimizer=optimizer, chunk=4).run()
    said = estimate_ascent_bytes(stack, wish, optimizer, 4)
    assert made.peak / 2 < said < 2 * made.peak


def test_levels_matrices_groups_and_views_count() -> None:
    plain, two = [class_objective()], [class_objective(), Prior("total_variation")]
    stack = ImageStack.gray(StackSpec(96, 64, 8))
    least = estimate_ascent_bytes(stack, plain, NormalizedAscent())
    exact = ImageStack.gray(StackSpec(96, 64, 8, method="exact"))
    assert least < estimate_ascent_bytes(stack, two, NormalizedAscent())
    assert least < estimate_ascent_bytes(stack, plain, NormalizedAscent(), chunk=2)
    assert least < estimate_ascent_bytes(exact, plain, NormalizedAscent())
    assert estimate_ascent_bytes(exact, plain, SGD()) < estimate_ascent_bytes(stack, plain, Adam())
    assert estimate_ascent_bytes(stack, [], NormalizedAscent()) > 10 * stack.canvas.numel() * torch.float32.itemsize


def test_where_images_are_compared_a_view_of_each_is_there_at_once() -> None:
    model, stack = classifier(), ImageStack.gray(StackSpec(64, 64, 8), 5)
    alone = FeatureObjective.from_layer(model, "2", "channel", 3)
    apart = DiversityObjective.from_layer(model, "2")
    for chunk in (1, 4, 5, 6):
        at_once = estimate_ascent_bytes(stack, [alone], NormalizedAscent(), max(chunk, 5))
        assert estimate_ascent_bytes(stack, [apart], NormalizedAscent(), chunk) == at_once


def test_transforms_of_views_count() -> None:
    stack, wish = ImageStack.gray(StackSpec(64, 64, 16)), [class_objective()]
    hidden = [PatchMask(64)] * 20
    plain = estimate_ascent_bytes(stack, wish, NormalizedAscent(), 64)
    said = estimate_ascent_bytes(stack, wish, NormalizedAscent(), 64, hidden)
    view = 4 * 3 * classifier().size ** 2
    assert said - plain == pytest.approx(64 * 20 * PatchMask.kept_views * view, rel=1e-3)
