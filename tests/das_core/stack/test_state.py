from typing import Any

import pytest
import torch

from cases import each_case
from das_core.stack.state import OptimizerState


@each_case(
    ("kind", "steps", "says"),
    [
        (3, 0, "kind 3 is no name of a kind of optimizer; give a text of at most 100"),
        ("x" * 101, 0, "kind x+.* is no name"),
        ("sgd", -1, "steps of an optimizer -1 is not a whole number from 0 to"),
        ("sgd", 2**53, "steps of an optimizer 9007199254740992 is not"),
    ],
)
def test_a_state_that_no_optimizer_has_is_refused(kind: Any, steps: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        OptimizerState(kind, (torch.zeros(1),), steps)
