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
from das_core.stack.operator_forms import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import PatchMask
from das_core.views.windows import Windows
from toys import class_objective, classifier

VIEWS = Augmentation(4, Windows(16))
FORMS: list[tuple[OperatorForm, Optimizer]] = [
    ("spectral", NormalizedAscent()),
    ("exact", SGD(momentum=0.9)),
    ("layers", NormalizedAscent(momentum=0.5)),
    ("layers", SGD(momentum=0.9)),
    ("spectral", Adam()),
]


@each_case(
    ("batch", "spec", "optimizer"),
    [
        # Levels of this test alone, so that no operator of another test is taken from the cache.
        *(
            (2, StackSpec(side, side, 16, levels=(*range(1, side, 5), side + 31), method=method), optimizer)
            for method, optimizer in FORMS
            for side in (64, 224)
        ),
        *(
            (1, StackSpec(96, 96, 24, levels=(*range(1, 96, 5), 90 + frames), time=Time(frames)), optimizer)
            for optimizer in (NormalizedAscent(), SGD(momentum=0.9))
            for frames in (3, 40)
        ),
    ],
)
def test_the_estimate_of_pictures_and_films_is_within_a_factor_of_two(
    batch: int, spec: StackSpec, optimizer: Optimizer
) -> None:
    wish = [class_objective()]
    with PeakBytes() as made:
        stack = ImageStack.gray(spec, batch)
        Ascent(stack, wish, VIEWS, steps=2, optimizer=optimizer, chunk=4).run()
    said = estimate_ascent_bytes(stack, wish, optimizer, 4)
    assert made.peak / 2 < said < 2 * made.peak


def test_levels_matrices_groups_views_and_their_transforms_count() -> None:
    plain, two = [class_objective()], [class_objective(), Prior("total_variation")]
    stack = ImageStack.gray(StackSpec(96, 64, 8))
    least = estimate_ascent_bytes(stack, plain, NormalizedAscent())
    exact = ImageStack.gray(StackSpec(96, 64, 8, method="exact"))
    assert least < estimate_ascent_bytes(stack, two, NormalizedAscent())
    assert least < estimate_ascent_bytes(stack, plain, NormalizedAscent(), chunk=2)
    assert least < estimate_ascent_bytes(exact, plain, NormalizedAscent())
    assert estimate_ascent_bytes(exact, plain, SGD()) < estimate_ascent_bytes(stack, plain, Adam())
    assert estimate_ascent_bytes(stack, [], NormalizedAscent()) > 10 * stack.canvas.numel() * torch.float32.itemsize
    stack, hidden = ImageStack.gray(StackSpec(64, 64, 16)), [PatchMask(64)] * 20
    bare = estimate_ascent_bytes(stack, plain, NormalizedAscent(), 64)
    said = estimate_ascent_bytes(stack, plain, NormalizedAscent(), 64, hidden)
    view = 4 * 3 * classifier().size ** 2
    assert said - bare == pytest.approx(64 * 20 * PatchMask.kept_views * view, rel=1e-3)


def test_where_images_are_compared_a_view_of_each_is_there_at_once() -> None:
    model, stack = classifier(), ImageStack.gray(StackSpec(64, 64, 8), 5)
    alone = FeatureObjective.from_layer(model, "2", "channel", 3)
    apart = DiversityObjective.from_layer(model, "2")
    for chunk in (1, 4, 5, 6):
        at_once = estimate_ascent_bytes(stack, [alone], NormalizedAscent(), max(chunk, 5))
        assert estimate_ascent_bytes(stack, [apart], NormalizedAscent(), chunk) == at_once
