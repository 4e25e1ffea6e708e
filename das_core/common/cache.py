"""A cache for tensors that outlive the call that made them."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def cached(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Remember the last `maxsize` results of a function of hashable arguments.

    Results are made outside inference mode: a tensor made inside it can never meet autograd, and a cache would hand it
    out again on every later run.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        remembered = lru_cache(maxsize)(torch.inference_mode(False)(function))

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return remembered(*args, **kwargs)  # type: ignore[arg-type]

        return call

    return decorate
