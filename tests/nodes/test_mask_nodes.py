"""Masks, regions and priors, through the nodes."""

from typing import Any

import pytest
import torch
from loaded_pack import Pack
from torch import Tensor


@pytest.fixture
def image() -> Tensor:
    with torch.inference_mode():
        return torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))


def block(begin: int = 16, end: int = 48) -> Tensor:
    with torch.inference_mode():
        mask = torch.zeros(1, 64, 64)
        mask[:, begin:end, begin:end] = 1
        return mask


@pytest.mark.parametrize("start", ["image", "noise", "gray"])
@pytest.mark.parametrize("feather", [0, 8])
def test_what_lies_outside_the_mask_leaves_as_it_came(pack: Pack, image: Tensor, start: str, feather: int) -> None:
    stack = pack.stack(image=image, mask=block(), feather=feather, start={"start": start})
    made, after, frames, _, importance = pack.optimize(stack=stack, frames=1)
    outside = block()[0] == 0
    for shown in (made, frames[:1], pack.run("DAS_StackToImage", stack=after)[0]):
        assert torch.equal(shown[0][outside], image[0][outside])
        assert not torch.equal(shown[0], image[0])
    # No gradient reached what must stay.
    assert not importance[0][outside].any()


def test_an_image_without_a_mask_starts_the_whole_picture(pack: Pack, image: Tensor) -> None:
    assert pack.stack(image=image, start={"start": "image"}).surroundings is None


def test_many_masks_make_a_batch(pack: Pack, image: Tensor) -> None:
    stack = pack.stack(image=image, mask=torch.cat([block(), block(20, 60)]))
    assert stack.batch == 2
    assert len(pack.optimize(stack=stack)[0]) == 2


def asked(pack: Pack, *objectives: Any) -> dict[str, Any]:
    return {f"objective{number}": objective for number, objective in enumerate(objectives)}


def test_regions_and_priors_climb_beside_a_whole(pack: Pack, image: Tensor) -> None:
    (left,) = pack.run("DAS_Region", objective=pack.objective(classes="1"), mask=block())
    (prior,) = pack.run("DAS_Prior", kind="total_variation", weight=0.3)
    (faded,) = pack.run("DAS_Schedule", objective=prior, start=1.0, end=0.0)
    stack = pack.stack(image=image, start={"start": "image"})
    history = pack.optimize(stack=stack, objectives=asked(pack, pack.objective(), left, faded), steps=3)[3]
    assert list(history[0].scores) == ["class 0", "class 1", "total variation"]
    assert all(record.gradient_norm > 0 for record in history)


@pytest.mark.parametrize("kind", ["total_variation", "l2", "spectrum", "range"])
def test_every_prior_goes_beside_a_model(pack: Pack, image: Tensor, kind: str) -> None:
    (prior,) = pack.run("DAS_Prior", kind=kind)
    assert prior.weight == 0.2
    stack = pack.stack(image=image, start={"start": "image"})
    made = pack.optimize(stack=stack, objectives=asked(pack, pack.objective(), prior))[0]
    assert torch.isfinite(made).all()


def test_a_prior_needs_no_model(pack: Pack, image: Tensor) -> None:
    (prior,) = pack.run("DAS_Prior", weight=1.0)
    stack = pack.stack(image=image, start={"start": "image"})
    history = pack.optimize(stack=stack, objectives=asked(pack, prior), steps=4)[3]
    assert history[-1].scores["total variation"] > history[0].scores["total variation"]
