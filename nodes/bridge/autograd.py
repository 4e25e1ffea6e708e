"""Enables autograd in nodes: ComfyUI runs every node under `torch.inference_mode()`, where autograd is impossible."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def enable_autograd(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function (no coroutine) so that it runs outside inference mode and with gradients enabled."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*args, **kwargs)

    return run
