from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.stack.state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters


def levels(seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, 1, 1, generator=generator), torch.randn(1, 3, 4, 6, generator=generator)


@each_case("kind", [AccumulatedGradient, LevelTensors])
def test_adding_adds_tensor_by_tensor_keeps_the_kind_and_changes_nothing_in_place(kind: type[Parameters]) -> None:
    one, other = kind(levels()), kind(levels(1))
    summed = one.add(other, alpha=-0.25)
    assert type(summed) is kind
    for tensor, own, more in zip(summed.tensors, levels(), levels(1), strict=True):
        torch.testing.assert_close(tensor, own - 0.25 * more)
    assert all(map(torch.equal, (*one.tensors, *other.tensors), (*levels(), *levels(1))))
    with pytest.raises(ValueError, match="zip"):
        one.add(kind(levels()[:1]), alpha=1.0)


@each_case("make", [AccumulatedGradient, LevelTensors, partial(OptimizerState, "adam", steps=7)])
def test_parameters_and_the_state_of_an_optimizer_go_to_another_device_whole(
    make: Callable[[tuple[Tensor, ...]], Parameters | OptimizerState],
) -> None:
    moved = make(levels()).to(torch.device("meta"))
    assert type(moved) is type(make(levels()))
    assert [(part.device.type, part.shape) for part in moved.tensors] == [("meta", part.shape) for part in levels()]
    if isinstance(moved, OptimizerState):
        assert (moved.kind, moved.steps) == ("adam", 7)
