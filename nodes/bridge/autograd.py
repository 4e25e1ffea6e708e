"""Enables autograd in nodes: ComfyUI runs every node under `torch.inference_mode()`, where autograd is impossible."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def enable_autograd(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that it runs outside inference mode and with gradients enabled.

    Tensors that the function creates can take part in autograd, also after it has returned. Tensors that were created
    under inference mode never can. The mode of the caller is restored when the function returns or raises.

    Args:
        function: the function to run, such as the `execute` of a node. It must not be a coroutine function: the call
            would only make the coroutine, whose body would run later, in the mode of the caller.

    Returns:
        A function with the same signature.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*args, **kwargs)

    return run
