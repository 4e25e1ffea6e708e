"""A way to cancel long computations: they call a function of the caller between their parts.

The parts are levels, views, images, planes of a canvas, layers of a model. To cancel, the function raises an exception.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook, register_module_parameter_registration_hook

from .own_thread import hearing_own_thread

T = TypeVar("T")

_look_up: ContextVar[Callable[[], None] | None] = ContextVar("look_up", default=None)
_cancellation: ContextVar[BaseException | None] = ContextVar("cancellation", default=None)


@contextmanager
def interruptible(look_up: Callable[[], None]) -> Iterator[None]:
    """Call a function often while the `with` block runs; the function can end the block by raising an exception. It is
    called at every `allow_interrupt`, before every layer of a model, in backward passes on the CPU and at every weight
    of a model that is built, and should return within microseconds. All data stay valid when it raises."""
    token = _look_up.set(look_up)
    try:
        # The hook is for all modules, since the model may come from anywhere.
        with hearing_own_thread(register_module_forward_pre_hook, lambda *_: allow_interrupt()):
            yield
    finally:
        _look_up.reset(token)
        # The traceback of the error holds local variables, and these hold tensors.
        _cancellation.set(None)


@contextmanager
def interruptible_building() -> Iterator[None]:
    """Let a run be cancelled at every weight of a model that is built in the `with` block."""
    with hearing_own_thread(register_module_parameter_registration_hook, lambda *_: allow_interrupt()):
        yield


def allow_interrupt() -> None:
    """Call the function that `interruptible` has set, if any; long computations call this at least once a second."""
    look_up = _look_up.get()
    if look_up is None:
        return
    try:
        look_up()
    except BaseException as error:
        _cancellation.set(error)
        raise


def is_cancellation(error: BaseException) -> bool:
    """Return whether the function of `interruptible` raised an error; code that catches all errors raises it again."""
    return error is _cancellation.get()


def pausing(parts: Iterable[T]) -> Iterator[T]:
    """Yield the parts of a computation, and call `allow_interrupt` before each part."""
    for part in parts:
        allow_interrupt()
        yield part


def interruptible_backward(device: torch.device) -> AbstractContextManager[object]:
    """Let a run be cancelled in the backward pass of the computations in the `with` block."""
    if device.type != "cpu" or _look_up.get() is None:
        return nullcontext()
    return torch.autograd.graph.saved_tensors_hooks(_pack, _unpack)


def _pack(tensor: Tensor) -> tuple[Tensor, int]:
    # Detached: a graph that holds its own outputs would stay in memory until the garbage collector finds the cycle.
    return tensor.detach(), tensor._version


def _unpack(packed: tuple[Tensor, int]) -> Tensor:
    allow_interrupt()
    tensor, version = packed
    if tensor._version != version:
        # Without hooks, autograd makes this check itself.
        raise RuntimeError("a tensor that the backward pass needs has been modified by an inplace operation")
    return tensor
