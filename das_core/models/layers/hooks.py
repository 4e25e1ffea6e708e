"""Hooks that report the outputs of the layers of a module while it runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import nn

from ...common.devices import keep_copy
from ...common.own_thread import hearing_own_thread
from ..fold import find_unfolded
from ..frozen import copy_with
from .heads import HEADS, compute_heads, find_projection

INPUT = "#input"  # After the name of a layer: what it gets, in place of what it returns.


@contextmanager
def capture_outputs(module: nn.Module, names: Sequence[str], on_output: Callable[[str, Any], None]) -> Iterator[None]:
    """Report the outputs of the layers `names` to `on_output`, except those of runs in other threads. It gets the name
    and the output each time a layer has run: the first item of a tuple or a list; the heads of an attention module if
    the name has the suffix `HEADS`, and what a layer gets if it has the suffix `INPUT`; that of the original
    convolution where a norm was folded."""
    with ExitStack() as hooks:
        for name in names:
            part, report = module.get_submodule(name.removesuffix(HEADS).removesuffix(INPUT)), partial(on_output, name)
            if name.endswith(INPUT):
                hooks.enter_context(hearing_own_thread(part.register_forward_pre_hook, _report_input(report)))
            else:
                hooks.enter_context(_attach_hook(part, name.endswith(HEADS), report))
        yield


def _report_input(report: Callable[[Any], None]) -> Callable[..., None]:
    return lambda _, inputs: report(inputs[0])


def _attach_hook(part: nn.Module, heads: bool, report: Callable[[Any], None]) -> AbstractContextManager[None]:
    """Return a context in which a hook reports the output, or the heads, of a module each time it has run."""
    if heads and (projection := find_projection(part)) is not None:
        # The heads are the input of the last projection.
        return hearing_own_thread(projection.register_forward_pre_hook, _report_input(report))
    if heads:
        # The projection is not run as a module, so the heads are computed again.
        return hearing_own_thread(
            part.register_forward_hook,
            lambda module, inputs, options, _: report(compute_heads(module, inputs, options)),
            with_kwargs=True,
        )
    unfolded = find_unfolded(part)

    def hear(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if unfolded is not None:
            # The original is run, without the norm that was folded into this one: a copy, as another thread may run it.
            weight = next(module.parameters())
            output = copy_with(unfolded, lambda own: keep_copy(own, weight))(inputs[0])
        # Attention modules return tuples.
        report(output[0] if isinstance(output, tuple | list) and output else output)

    return hearing_own_thread(part.register_forward_hook, hear)
