"""A way to cancel long computations: the caller gives a function that is called between their parts.

The library itself has no cancel button. Long computations call `allow_interrupt` before each of their parts: a level, a
view, an image, a plane of a canvas, a layer of a model. A caller that wants to be able to cancel runs them inside
`interruptible(function)`; the function raises an exception to cancel.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.modules.module import (
    register_module_forward_pre_hook,
    register_module_parameter_registration_hook,
)

T = TypeVar("T")

_look_up: ContextVar[Callable[[], None] | None] = ContextVar("look_up", default=None)


@contextmanager
def interruptible(look_up: Callable[[], None]) -> Iterator[None]:
    """Let a function end the `with` block by raising an exception; it is called often while the block runs.

    It is called at every `allow_interrupt`, for every weight of a model that is built, before every layer of a model,
    and in backward passes on the CPU. It does not change results, and should return within microseconds. Its exception
    leaves nothing half-done: no function of this library changes its arguments, and caches are filled last.

    Args:
        look_up: the function; its result is ignored. It replaces the function of an outer `interruptible` block.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.common.interruption import interruptible
        >>> class Cancelled(Exception):
        ...     pass
        >>> def look_up():
        ...     raise Cancelled
        >>> try:
        ...     with interruptible(look_up):
        ...         stack = ImageStack.noise(StackSpec(width=2048, height=2048))
        ... except Cancelled:
        ...     print("no stack")
        no stack
    """
    token = _look_up.set(look_up)
    # For all modules, since a model may be anybody's; other threads see no function to call, and nothing happens there.
    hooks = [
        register_module_forward_pre_hook(_look_up_before_layer),
        register_module_parameter_registration_hook(_look_up_at_weight),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        _look_up.reset(token)


def allow_interrupt() -> None:
    """Let the run be ended here if it is inside `interruptible`; call this at least once a second."""
    look_up = _look_up.get()
    if look_up is not None:
        look_up()


def pausing(parts: Iterable[T]) -> Iterator[T]:
    """Yield the parts of a run, with `allow_interrupt` before each.

    Args:
        parts: what a loop goes through.

    Example:
        >>> from das_core.common.interruption import pausing
        >>> [part + 1 for part in pausing([1, 2])]
        [2, 3]
    """
    for part in parts:
        allow_interrupt()
        yield part


def interruptible_backward(device: torch.device) -> AbstractContextManager[object]:
    """Make the backward pass of computations in the `with` block cancellable between its layers.

    This works on the CPU only: on other devices backward passes run in other threads, and end soon.

    Args:
        device: the device of the computation.
    """
    if device.type != "cpu" or _look_up.get() is None:
        return nullcontext()
    return torch.autograd.graph.saved_tensors_hooks(_pack, _unpack)


def _pack(tensor: Tensor) -> tuple[Tensor, int]:
    # Detached: a graph that holds its own outputs would stay in memory until Python looks for circles.
    return tensor.detach(), tensor._version


def _unpack(packed: tuple[Tensor, int]) -> Tensor:
    allow_interrupt()
    tensor, version = packed
    if tensor._version != version:
        # Autograd's own check, which it leaves out where there are hooks.
        raise RuntimeError("a tensor that the backward pass needs has been modified by an inplace operation")
    return tensor


def _look_up_before_layer(module: torch.nn.Module, inputs: Any) -> None:
    allow_interrupt()


def _look_up_at_weight(module: torch.nn.Module, name: str, weight: Any) -> None:
    allow_interrupt()
