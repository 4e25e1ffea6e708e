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
def test_adding_adds_tensor_by_tensor_and_keeps_the_kind(kind: type[Parameters]) -> None:
    one, other = kind(levels()), kind(levels(seed=1))
    summed = one.add(other, alpha=-0.25)
    assert type(summed) is kind
    for tensor, own, more in zip(summed.tensors, levels(), levels(seed=1), strict=True):
        torch.testing.assert_close(tensor, own - 0.25 * more)


def test_nothing_is_changed_in_place() -> None:
    one, other = LevelTensors(levels()), LevelTensors(levels(seed=1))
    one.add(other, alpha=2.0)
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


@each_case("kind", [AccumulatedGradient, LevelTensors])
def test_parameters_go_to_another_device_whole(kind: type[Parameters]) -> None:
    moved = kind(levels()).to(META)
    assert type(moved) is kind
    assert [(tensor.device, tensor.shape) for tensor in moved.tensors] == [(META, part.shape) for part in levels()]


def test_the_state_of_an_optimizer_goes_to_another_device_whole() -> None:
    moved = OptimizerState("adam", levels(), steps=7).to(META)
    assert (moved.kind, moved.steps) == ("adam", 7)
    assert [(tensor.device, tensor.shape) for tensor in moved.tensors] == [(META, part.shape) for part in levels()]
