"""The state of the optimizer of a stack, and checks of what a stack holds."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..common.scalars import check_number, set_fields
from ..common.text import shorten

_LONGEST_KIND = 100
MOST_DONE = 2**53 - 1  # Steps: the largest whole number that every reader of JSON keeps as it is.


def check_tensor(what: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless a tensor of a stack is float32 and of this shape."""
    if tensor.dtype != torch.float32 or tuple(tensor.shape) != shape:
        raise ValueError(
            f"{what} is {tensor.dtype} of shape {tuple(tensor.shape)}; give float32 of shape {shape}, which fits the "
            "spec of the stack"
        )


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """What an optimizer of a `kind` keeps from one step to the next; `steps` are those in the running means."""

    kind: str
    tensors: tuple[Tensor, ...]
    steps: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or len(self.kind) > _LONGEST_KIND:
            raise ValueError(
                f"kind {shorten(self.kind)} is no name of a kind of optimizer; give a text of at most {_LONGEST_KIND} "
                "characters, such as 'sgd'"
            )
        set_fields(self, steps=check_number("steps of an optimizer", self.steps, 0, MOST_DONE, "0 is none", whole=True))
        for number, tensor in enumerate(self.tensors):
            check_tensor(f"tensor {number} of the state of an optimizer", tensor, tuple(tensor.shape))

    def to(self, device: torch.device) -> "OptimizerState":
        """Return the same state on another device."""
        return replace(self, tensors=tuple(tensor.to(device) for tensor in self.tensors))
