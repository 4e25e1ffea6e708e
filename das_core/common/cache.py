"""A cache for functions that return tensors."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import torch

_CLEARS: list[Callable[[], None]] = []

P = ParamSpec("P")
R = TypeVar("R")


def cached(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps the last `maxsize` results of a function of hashable arguments.

    All callers with the same arguments get the same tensor, so none of them may change it in place.

    Args:
        maxsize: how many results are kept; the least recently used result is dropped first.

    Example:
        >>> from das_core.common.cache import cached
        >>> @cached(maxsize=2)
        ... def make_ramp(size: int) -> torch.Tensor:
        ...     print("computing")
        ...     return torch.arange(size)
        >>> make_ramp(3)
        computing
        tensor([0, 1, 2])
        >>> make_ramp(3)
        tensor([0, 1, 2])
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        # The function runs outside inference mode, whatever the mode of the caller. Autograd refuses tensors that were
        # made in inference mode, and the cache would return such tensors to later callers that need gradients.
        cached_function = lru_cache(maxsize)(torch.inference_mode(False)(function))

        _CLEARS.append(cached_function.cache_clear)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return cached_function(*args, **kwargs)  # type: ignore[arg-type]

        return call

    return decorate


def clear_caches() -> None:
    """Empty the caches of all cached functions, which frees their memory.

    Example:
        >>> from das_core.common.cache import cached, clear_caches
        >>> @cached(maxsize=2)
        ... def make_ramp(size: int) -> torch.Tensor:
        ...     print("computing")
        ...     return torch.arange(size)
        >>> first = make_ramp(3)
        computing
        >>> clear_caches()
        >>> second = make_ramp(3)
        computing
    """
    for clear in _CLEARS:
        clear()
