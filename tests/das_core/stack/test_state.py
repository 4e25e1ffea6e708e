import pytest
import torch
from torch import Tensor

from cases import each_case, refuses
from das_core.stack.state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters
from toys import draw


def levels(seed: int = 0) -> tuple[Tensor, ...]:
    return draw(1, 3, 1, 1, seed=seed), draw(1, 3, 4, 6, seed=seed)


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


test_a_state_that_no_optimizer_has_is_refused = refuses(
    lambda kind, steps: OptimizerState(kind, levels(), steps),
    (3, 0, "kind 3 is no name of a kind of optimizer; give a text of at most 100"),
    ("x" * 101, 0, "kind x+.* is no name"),
    ("sgd", -1, "steps of an optimizer -1 is not a whole number from 0 up"),
    ("sgd", 2**53, "is not a whole number from 0 up"),
)
