"""PyTorch's defaults: an ascent computes in float32 and on the device of its stack, whatever they are."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import torch
import torchvision
from torch import Tensor, nn

import direct_ascent
import direct_ascent as da
from das_core.common.cache import free_caches
from das_core.common.masks import canvas_mask
from toys import toy_class

SPECS = [
    da.StackSpec(48, 40, 8),
    da.StackSpec(48, 40, 0, tile=True, frozen=((1, 4),), color="rgb"),
    da.StackSpec(32, 32, 8, time=da.stack.Time(3)),
    da.StackSpec(32, 32, 8, method="layers", zoom=da.stack.Zoom(2)),
    *(da.StackSpec(32, 32, 8, parametrization=name) for name in ("pixels", "fourier")),
]


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Restore the defaults, and leave no tensor of this file to other tests."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    free_caches()


OBJECTIVES = toy_class() + da.prior("total_variation")


def climb_with_all() -> list[Tensor]:
    """Return the pictures of a few ascents, and a mask."""
    views = da.views.Augmentation(4, da.views.Windows(8))
    ascents = [da.Ascent(da.ImageStack.noise(spec, decay=0.7), OBJECTIVES, views, steps=2) for spec in SPECS]
    mask = torch.ones(1, 48, 40, dtype=torch.float32, device="cpu").triu()
    return [*(ascent.run().image for ascent in ascents), canvas_mask(mask, (48, 40), 8, 3)]


def test_an_ascent_is_the_same_under_a_default_of_float64_and_after_it() -> None:
    expected = climb_with_all()
    free_caches()
    for dtype in (torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        for one, other in zip(expected, climb_with_all(), strict=True):
            assert other.dtype == torch.float32
            assert torch.equal(one, other)


class Marked(nn.Module):
    """A model of the user, which makes a tensor where the user wants tensors."""

    made: ClassVar[set[str]] = set()

    def forward(self, views: Tensor) -> Tensor:
        self.made.add(torch.zeros(1).device.type)
        return views.mean(dim=(2, 3))


def test_an_ascent_is_on_the_cpu_whatever_the_default_device_is() -> None:
    """The device meta stands for a GPU: what is made there by mistake has no values."""
    expected = climb_with_all()
    free_caches()
    network, start = torchvision.models.squeezenet1_1(), torch.rand(1, 3, 64, 64)
    torch.set_default_device("meta")
    assert torch.get_default_device().type == "meta"
    for one, other in zip(expected, climb_with_all(), strict=True):
        assert torch.equal(one, other)
    quick: dict[str, Any] = {"size": 64, "steps": 1, "progress": False, "recipe": "sketch"}
    marked = direct_ascent.wrap(Marked(), size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert direct_ascent.render(marked, lambda views: views.mean(dim=(1, 2, 3)), **quick).image.device.type == "cpu"
    assert direct_ascent.render(marked, 0, **quick).image.isfinite().all()
    assert Marked.made == {"meta"}, "a model of the user finds its default"
    judge = direct_ascent.wrap(network)
    assert isinstance(judge, da.Classifier)
    assert judge.probabilities(start).sum() > 0.99
    assert len(da.find_layers(judge)) > 50
    assert da.load_starter().probabilities(start).sum() > 0.99
    for look in (None, "stained glass", "hatching"):
        assert direct_ascent.render(judge, 5, look=look, **quick).image.isfinite().all()
    assert direct_ascent.film(judge, {0: 5, 2: 6}, frames=3, **quick).image.isfinite().all()
    assert direct_ascent.zoom(judge, [5, 6], **quick).image.isfinite().all()
    assert direct_ascent.render(judge, da.style(start).on(judge), start=start, **quick).image.isfinite().all()
