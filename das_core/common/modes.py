"""The modes of PyTorch in which this library computes, whatever mode its caller is in; both decorate functions, too."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar

import torch

_users_default: ContextVar[torch.device | None] = ContextVar("users_default", default=None)
_AUTOCASTING = ("cpu", "cuda", "mps", "xpu")  # The types of devices whose products autocast rounds.


@contextmanager
def without_autocast() -> Iterator[None]:
    """Compute in the precision of the tensors: autocast would round canvases, gradients and what is cached."""
    with ExitStack() as stack:
        for device in _AUTOCASTING:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def default_to_cpu() -> Iterator[None]:
    """Make tensors on the CPU where no device is named, whatever `torch.set_default_device` says."""
    given = torch.get_default_device()
    if given.type == "cpu":
        yield
        return
    before = _users_default.set(given)
    try:
        with torch.device("cpu"):
            yield
    finally:
        _users_default.reset(before)


def default_as_user() -> AbstractContextManager[object]:
    """Return a context for what a user wrote, such as a model: the default device is what it was for the caller."""
    return _users_default.get() or nullcontext()


@contextmanager
def own_modes(on_cpu: bool = False) -> Iterator[None]:
    """Compute outside inference mode, whose tensors autograd refuses, with gradients and without autocast; `on_cpu`:
    and with `default_to_cpu`, for what runs models of users by `default_as_user`."""
    default = default_to_cpu() if on_cpu else nullcontext()
    with torch.inference_mode(False), torch.enable_grad(), without_autocast(), default:
        yield
