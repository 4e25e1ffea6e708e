"""Objective Score: images, texts and numbers of the node, the best first."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from loaded_pack import Pack, assert_is_image, refuse_all


def images(batch: int = 3) -> Tensor:
    return torch.rand(batch, 24, 32, 3, generator=torch.Generator().manual_seed(1))


def score(pack: Pack, image: Tensor, **inputs: Any) -> tuple[Any, ...]:
    if "objectives" not in inputs:
        inputs["objectives"] = {"objective0": pack.objective(classes="1"), "objective1": pack.objective(classes="2")}
    return pack.run("DAS_ObjectiveScore", image=image, **inputs)


def test_the_best_is_first_alone_and_by_its_place(pack: Pack) -> None:
    with torch.inference_mode():
        given = images()
    ranked, text, best, chart, index = score(pack, given)
    assert_is_image(ranked, 3, 24, 32)
    assert_is_image(best, 1, 24, 32)
    assert_is_image(chart, 1, *chart.shape[1:3])
    order = [int(line.split()[1].rstrip(":")) - 1 for line in text.splitlines()]
    assert sorted(order) == [0, 1, 2]
    assert torch.equal(ranked, given[order])
    assert torch.equal(best, ranked[:1])
    assert index == order[0]
    assert "class 1" in text
    totals = [float(line.split()[2]) for line in text.splitlines()]
    assert totals == sorted(totals, reverse=True)


test_what_cannot_be_is_refused = refuse_all(
    {
        r"no objective is given, so there is nothing to score by": lambda pack: score(pack, images(), objectives={}),
        r"the image has 4 channels": lambda pack: score(pack, torch.rand(1, 24, 24, 4)),
    }
)


def test_margins_that_do_not_fit_into_memory_are_refused(pack: Pack, set_free_memory: Callable[[int], None]) -> None:
    set_free_memory(2**28)
    says = r"scoring 1 images of 32 x 24 with their margins needs about .* smaller jitter"
    with pytest.raises(ValueError, match=says):
        score(pack, images(1), augmentation=pack.augmentation(jitter=2000))
