"""Prior: every kind goes beside a model and alone, and an unknown one is named with those that there are."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack, assert_refused


@pytest.fixture
def image() -> Tensor:
    with torch.inference_mode():
        return torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))


def asked(*objectives: Any) -> dict[str, Any]:
    return {f"objective{number}": objective for number, objective in enumerate(objectives)}


@each_case("kind", ["total_variation", "l2", "spectrum", "range"])
def test_every_prior_goes_beside_a_model(pack: Pack, image: Tensor, kind: str) -> None:
    (prior,) = pack.run("DAS_Prior", kind=kind)
    assert (prior.terms[0].score.kind, prior.terms[0].weight) == (kind, 0.2)
    stack = pack.stack(image=image, start={"start": "image"})
    made = pack.optimize(stack=stack, objectives=asked(pack.objective(), prior))[0]
    assert torch.isfinite(made).all()


def test_a_prior_needs_no_model(pack: Pack, image: Tensor) -> None:
    (prior,) = pack.run("DAS_Prior", weight=1.0)
    assert prior.terms[0].weight == 1.0
    stack = pack.stack(image=image, start={"start": "image"})
    history = pack.optimize(stack=stack, objectives=asked(prior), steps=4)[3]
    assert history[-1].scores["total variation"] > history[0].scores["total variation"]


BAD: dict[str, Callable[[Pack], object]] = {
    r"prior 'blur' is unknown; choose one of total_variation": lambda pack: pack.run("DAS_Prior", kind="blur"),
    r"the gradient of 'range' vanished at step 1": lambda pack: pack.optimize(
        objectives=asked(pack.run("DAS_Prior", kind="range")[0])
    ),
}


@each_case(("message", "bad"), list(BAD.items()))
def test_a_bad_value_is_named_with_what_would_do(pack: Pack, message: str, bad: Callable[[Pack], object]) -> None:
    assert_refused(pack, message, bad)
