"""Autograd for nodes, which ComfyUI runs under inference mode."""

import pytest
import torch
from torch import Tensor

from cases import each_case
from loaded_pack import Pack


def differentiate(values: Tensor) -> Tensor:
    """Return the gradient of the sum of squares of values."""
    leaf = values.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(leaf.square().sum(), leaf)
    return gradient


@each_case("mode", [torch.inference_mode, torch.no_grad])
def test_a_gradient_can_be_taken_where_autograd_is_off(pack: Pack, mode: type) -> None:
    enable_autograd = pack.module("nodes.bridge").enable_autograd
    with mode():
        values = torch.tensor([1.0, -3.0])
        with pytest.raises(RuntimeError):
            differentiate(values)
        gradient = enable_autograd(differentiate)(values)
    torch.testing.assert_close(gradient, torch.tensor([2.0, -6.0]))
    assert not gradient.is_inference()


@each_case("mode", [torch.inference_mode, torch.no_grad])
def test_what_is_made_can_take_part_in_autograd_afterwards(pack: Pack, mode: type) -> None:
    with mode():
        made = pack.module("nodes.bridge").enable_autograd(lambda: torch.ones(2))()
    torch.testing.assert_close(differentiate(made), torch.full((2,), 2.0))


def test_the_mode_of_the_caller_is_back_afterwards_also_when_the_function_raises(pack: Pack) -> None:
    def fail() -> None:
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        raise KeyError("failed")

    with torch.inference_mode():
        with pytest.raises(KeyError, match="failed"):
            pack.module("nodes.bridge").enable_autograd(fail)()
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()


def test_arguments_and_the_name_are_those_of_the_function(pack: Pack) -> None:
    def join(first: str, *, second: str) -> str:
        """Join two texts."""
        return first + second

    decorated = pack.module("nodes.bridge").enable_autograd(join)
    assert decorated("a", second="b") == "ab"
    assert (decorated.__name__, decorated.__doc__) == ("join", "Join two texts.")
