"""Hooks: hearing what comes out of the layers of a module while it runs.

Hooks are attached for the time of one `with` block and removed however it ends, so that a model is the same before and
after it was listened to.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from .heads import HEADS, compute_heads, find_projection

OnOutput = Callable[[str, Any], None]


@contextmanager
def capture_outputs(module: nn.Module, names: Sequence[str], heard: OnOutput) -> Iterator[None]:
    """Tell `heard` the name and the output of these layers whenever they run, for as long as the block does."""
    hooks: list[RemovableHandle] = []
    try:
        hooks += [_attach_hook(module, name, heard) for name in names]
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _attach_hook(root: nn.Module, name: str, heard: OnOutput) -> RemovableHandle:
    part = root.get_submodule(name.removesuffix(HEADS))
    if not name.endswith(HEADS):
        return part.register_forward_hook(lambda _, inputs, output: heard(name, _first(output)))
    projection = find_projection(part)
    if projection is not None:
        return projection.register_forward_pre_hook(lambda _, inputs: heard(name, inputs[0]))
    return part.register_forward_hook(
        lambda module, inputs, options, _: heard(name, compute_heads(module, inputs, options)), with_kwargs=True
    )


def _first(output: Any) -> Any:
    """The output itself, or what stands first in one of several parts, as attention has them."""
    return output[0] if isinstance(output, tuple | list) and output else output
