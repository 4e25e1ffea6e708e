import torch

from cases import refuses
from das_core.stack.state import OptimizerState

test_a_state_that_no_optimizer_has_is_refused = refuses(
    lambda kind, steps: OptimizerState(kind, (torch.zeros(1),), steps),
    (3, 0, "kind 3 is no name of a kind of optimizer; give a text of at most 100"),
    ("x" * 101, 0, "kind x+.* is no name"),
    ("sgd", -1, "steps of an optimizer -1 is not a whole number from 0 to"),
    ("sgd", 2**53, "steps of an optimizer 9007199254740992 is not"),
)
