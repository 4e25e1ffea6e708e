"""Hooks on modules that several threads may run at the same time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any

from torch.utils.hooks import RemovableHandle

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
