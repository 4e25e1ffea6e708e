from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.stack.state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters

META = torch.device("meta")
"""A device that every machine has beside its CPU."""


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def levels(seed: int = 0) -> tuple[Tensor, ...]:
    return draw(1, 3, 1, 1, seed=seed), draw(1, 3, 4, 6, seed=seed + 100)


@each_case("kind", [Parameters, LevelTensors])
@each_case("alpha", [-0.25, 2.0])
def test_adding_adds_tensor_by_tensor_keeps_the_kind_and_changes_nothing_in_place(
    kind: type[Parameters], alpha: float
) -> None:
    one, other = kind(levels()), kind(levels(seed=1))
    summed = one.add(other, alpha=alpha)
    assert type(summed) is kind
    for tensor, own, more in zip(summed.tensors, levels(), levels(seed=1), strict=True):
        torch.testing.assert_close(tensor, own + alpha * more)
    for parameters, seed in ((one, 0), (other, 1)):
        assert all(map(torch.equal, parameters.tensors, levels(seed=seed)))


def test_parameters_of_other_levels_do_not_add() -> None:
    with pytest.raises(ValueError, match="zip"):
        LevelTensors(levels()).add(LevelTensors(levels()[:1]), alpha=1.0)


def test_the_accumulated_gradient_is_one_tensor() -> None:
    gradient = draw(2, 3, 8, 8)
    accumulated = AccumulatedGradient((torch.zeros_like(gradient),)).add(AccumulatedGradient((gradient,)), alpha=0.5)
    assert type(accumulated) is AccumulatedGradient
    assert torch.equal(accumulated.gradient, 0.5 * gradient)


@each_case("make", [AccumulatedGradient, LevelTensors, partial(OptimizerState, "adam", steps=7)])
def test_parameters_and_the_state_of_an_optimizer_go_to_another_device_whole(
    make: Callable[[tuple[Tensor, ...]], Parameters | OptimizerState],
) -> None:
    held = make(levels())
    moved = held.to(META)
    assert type(moved) is type(held)
    assert [(tensor.device, tensor.shape) for tensor in moved.tensors] == [(META, part.shape) for part in levels()]
    if isinstance(moved, OptimizerState):
        assert (moved.kind, moved.steps) == ("adam", 7)
