"""Hooks that hear one thread alone, and calls in a thread of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Lock, get_ident
from typing import Any, TypeVar

import torch
from torch.utils.hooks import RemovableHandle

T = TypeVar("T")

# PyTorch numbers hooks with a counter: of two that threads attach at the same time, one could replace the other.
_numbering = Lock()


@contextmanager
def hearing_own_thread(
    register: Callable[..., RemovableHandle], hook: Callable[..., Any], **options: Any
) -> Iterator[None]:
    """Attach a hook with `module.register_…_hook`; until the block ends, it hears the runs in this thread alone."""
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


def call_apart(function: Callable[[], T]) -> T:
    """Call a function in a thread of its own, wait for it, and return what it returns. Ctrl-C, which Python raises in
    the main thread only, cannot come between what the function changes for the process and what puts it back."""
    default = torch.get_default_device()  # Every thread has its own.

    def call() -> T:
        with nullcontext() if default.type == "cpu" else default:
            return function()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(int).result()  # The end of the block does not wait for a thread that is just being started.
        return thread.submit(call).result()
