"""PyTorch's default dtype: an ascent computes in float32, whatever it is, and leaves nothing behind in a cache."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import das_core as da
from das_core.common.cache import free_caches
from das_core.common.masks import canvas_mask
from toys import toy_class

SPECS = [
    da.StackSpec(48, 40, 8),
    da.StackSpec(48, 40, 0, tile=True, frozen=((1, 4),), color="rgb"),
    da.StackSpec(32, 32, 8, time=da.Time(3)),
    da.StackSpec(32, 32, 8, method="layers", zoom=da.Zoom(2)),
    *(da.StackSpec(32, 32, 8, parametrization=name) for name in ("pixels", "fourier", "maco")),
]


@pytest.fixture(autouse=True)
def default_dtype() -> Iterator[None]:
    """Restore the default dtype, and leave no tensor of this file to other tests."""
    yield
    torch.set_default_dtype(torch.float32)
    free_caches()


OBJECTIVES = toy_class() + da.prior("total_variation")


def climb_with_all() -> list[Tensor]:
    """Return the pictures of a few ascents, and a mask."""
    views = da.Augmentation(4, da.Windows(8))
    ascents = [da.Ascent(da.ImageStack.noise(spec, decay=0.7), OBJECTIVES, views, steps=2) for spec in SPECS]
    mask = torch.ones(1, 48, 40, dtype=torch.float32).triu()
    return [*(ascent.run().image for ascent in ascents), canvas_mask(mask, (48, 40), 8, 3)]


def test_an_ascent_is_the_same_under_a_default_of_float64_and_after_it() -> None:
    expected = climb_with_all()
    free_caches()
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        for one, other in zip(expected, climb_with_all(), strict=True):
            assert other.dtype == torch.float32
            assert torch.equal(one, other)
