"""Hooks on modules that several threads may run at the same time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

from torch.utils.hooks import RemovableHandle

# PyTorch numbers hooks with a counter that two threads may read at the same time; of two hooks with the same number,
# one would replace the other.
_numbering = Lock()


@contextmanager
def hearing_own_thread(
    register: Callable[..., RemovableHandle], hook: Callable[..., Any], **options: Any
) -> Iterator[None]:
    """Attach a hook to a module until the `with` block ends; it is called for runs of the module in this thread alone.

    Args:
        register: the method that attaches the hook, such as `module.register_forward_hook`.
        hook: the hook.
        options: further arguments of `register`.

    Example:
        >>> from threading import Thread
        >>> import torch
        >>> from das_core.common.own_thread import hearing_own_thread
        >>> module = torch.nn.ReLU()
        >>> with hearing_own_thread(module.register_forward_hook, lambda *_: print("heard")):
        ...     other = Thread(target=module, args=(torch.ones(1),))
        ...     other.start()
        ...     other.join()
        ...     module(torch.ones(1))
        heard
        tensor([1.])
    """
    thread: int | None = get_ident()

    def call(*arguments: Any) -> Any:
        return hook(*arguments) if get_ident() == thread else None

    with _numbering:
        handle = register(call, **options)
    try:
        yield
    finally:
        # A copy of the module that another thread has made meanwhile keeps the hook.
        thread = None
        handle.remove()
