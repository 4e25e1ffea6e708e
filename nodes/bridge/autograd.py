"""Autograd inside ComfyUI, which runs every node under `torch.inference_mode()`, where autograd is impossible."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def with_autograd(function: Callable[P, R]) -> Callable[P, R]:
    """Run a node's `execute` outside inference mode, so that what it makes can meet autograd, now and later.

    Only for functions that are not async: awaiting inside would leak the mode into other nodes.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*args, **kwargs)

    return run
