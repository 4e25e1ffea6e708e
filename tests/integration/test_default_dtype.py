"""PyTorch's default dtype: an ascent computes in float32, whatever it is, and leaves nothing behind in a cache."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from das_core.ascent.loop import Ascent
from das_core.common.cache import free_caches
from das_core.common.masks import canvas_mask
from das_core.objectives.priors import prior
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import toy_class

SPECS = [
    StackSpec(48, 40, 8),
    StackSpec(48, 40, 0, tile=True, frozen=((1, 4),), color="rgb"),
    StackSpec(32, 32, 8, time=Time(3)),
    StackSpec(32, 32, 8, method="layers", zoom=Zoom(2)),
    *(StackSpec(32, 32, 8, parametrization=name) for name in ("pixels", "fourier", "maco")),
]


@pytest.fixture(autouse=True)
def default_dtype() -> Iterator[None]:
    """Restore the default dtype, and leave no tensor of this file to other tests."""
    yield
    torch.set_default_dtype(torch.float32)
    free_caches()


OBJECTIVES = toy_class() + prior("total_variation")


def climb_with_all() -> list[Tensor]:
    """Return the pictures of a few ascents, and a mask."""
    views = Augmentation(4, Windows(8))
    pictures = [
        Ascent(ImageStack.noise(spec, decay=0.7), OBJECTIVES, steps=2, augmentation=views).run().image for spec in SPECS
    ]
    mask = torch.zeros(1, 48, 40)
    mask[:, 8:24, 8:24] = 1
    return [*pictures, canvas_mask(mask.float(), (48, 40), 8, 3)]


def test_an_ascent_is_the_same_under_a_default_of_float64_and_after_it() -> None:
    expected = climb_with_all()
    free_caches()
    torch.set_default_dtype(torch.float64)
    under = climb_with_all()
    torch.set_default_dtype(torch.float32)
    after = climb_with_all()
    for one, two, three in zip(expected, under, after, strict=True):
        assert one.dtype == two.dtype == torch.float32
        assert torch.equal(one, two)
        assert torch.equal(one, three)
