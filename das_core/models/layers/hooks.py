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
    """Report the outputs of the layers `names` to `on_output`, except those of runs in other threads.

    It gets the name and the output each time a layer has run: the first item of a tuple or a list; the heads
    of an attention module if the name has the suffix `HEADS`; of a convolution that a batch norm was folded into, the
    output of the original.
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
    """Return the output of a convolution as it was before a batch norm was folded into it."""
    weight = next(folded.parameters())
    # A copy, because another thread may be running the original.
    here = copy_with(convolution, lambda own: keep_copy(own, weight))
    output: Tensor = here(values)
    return output


def _take_first(output: Any) -> Any:
    """Return an output, or its first item if it is a tuple or a list (attention modules return tuples)."""
    return output[0] if isinstance(output, tuple | list) and output else output
