"""Hooks that report the outputs of the layers of a module while it runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from ...common.devices import keep_copy
from ...common.own_thread import hearing_own_thread
from ..fold import find_unfolded
from ..frozen import copy_with
from .heads import HEADS, compute_heads, find_projection

OnOutput = Callable[[str, Any], None]
"""A function that is called with the name of a layer and the output of that layer."""


@contextmanager
def capture_outputs(module: nn.Module, names: Sequence[str], on_output: OnOutput) -> Iterator[None]:
    """Report the outputs of layers for as long as the `with` block runs; runs in other threads are not reported.

    When the block ends, even by an exception, the hooks are removed.

    Args:
        module: the module that has these layers.
        names: the names of submodules. If the name of an attention module has the suffix `HEADS`, its heads are
            reported instead of its output.
        on_output: is called with the name and the output of a layer, each time one of these layers has run. Of an
            output that is a tuple or a list, it gets the first item. If a batch norm was folded into the layer, it gets
            the output of the original convolution.
    """
    with ExitStack() as hooks:
        for name in names:
            hooks.enter_context(_attach_hook(module, name, on_output))
        yield


def _attach_hook(root: nn.Module, name: str, on_output: OnOutput) -> AbstractContextManager[None]:
    """Return a context in which a hook reports the output, or the heads, of one layer each time it has run."""
    part = root.get_submodule(name.removesuffix(HEADS))
    if (unfolded := find_unfolded(part)) is not None:
        # The output of this convolution already contains the batch norm that was folded into it. So the original
        # convolution is run, and its output is reported.
        return hearing_own_thread(
            part.register_forward_hook,
            lambda module, inputs, output: on_output(name, _run_unfolded(unfolded, inputs[0], module)),
        )
    if not name.endswith(HEADS):
        return hearing_own_thread(
            part.register_forward_hook, lambda _, inputs, output: on_output(name, _take_first(output))
        )
    projection = find_projection(part)
    # The heads are the input of the last projection. If the projection is not run as a module, they are computed again.
    if projection is not None:
        return hearing_own_thread(projection.register_forward_pre_hook, lambda _, inputs: on_output(name, inputs[0]))
    return hearing_own_thread(
        part.register_forward_hook,
        lambda module, inputs, options, _: on_output(name, compute_heads(module, inputs, options)),
        with_kwargs=True,
    )


def _run_unfolded(convolution: nn.Module, values: Tensor, folded: nn.Module) -> Tensor:
    """Run a convolution as it was before a batch norm was folded into it, and return its output."""
    weight = next(folded.parameters())
    # A copy, because another thread may be running the original.
    here = copy_with(convolution, lambda own: keep_copy(own, weight))
    output: Tensor = here(values)
    return output


def _take_first(output: Any) -> Any:
    """Return an output, or its first item if it is a tuple or a list (attention modules return tuples)."""
    return output[0] if isinstance(output, tuple | list) and output else output
