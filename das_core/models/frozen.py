"""Prepares models to be judges: freezes them for good, or keeps them in evaluation mode only while they run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from threading import Lock

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from ..common.interruption import pausing
from ..common.modes import own_modes
from .fold import find_unfolded, fold_batch_norm


@dataclass(frozen=True)
class _Former:
    """The parts of a module in training mode and the weights with gradients, and how many threads run the module."""

    training: list[nn.Module]
    learning: list[nn.Parameter]
    users: int = 0

    def switch(self, training: bool) -> None:
        """Switch training mode and gradients on or off."""
        for part in self.training:
            part.training = training
        for weight in self.learning:
            weight.requires_grad_(training)


_changing = Lock()
_evaluated: dict[nn.Module, _Former] = {}
"""The modules that run in `evaluating` now. Of several threads, the last one restores the former state of a module."""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Keep a module in evaluation mode, and its weights without gradients, while the `with` block runs; then restore
    both. A backward pass through outputs of the block gives gradients to the inputs only, even after the block."""
    with _changing:
        former = _evaluated.get(module) or _Former(
            [part for part in module.modules() if part.training],
            [weight for weight in module.parameters() if weight.requires_grad],
        )
        former.switch(False)
        _evaluated[module] = replace(former, users=former.users + 1)
    try:
        yield
    finally:
        with _changing:
            former = _evaluated.pop(module)
            if former.users > 1:
                _evaluated[module] = replace(former, users=former.users - 1)
            else:
                former.switch(True)


def freeze(module: nn.Module, dtype: torch.dtype | None = torch.float32) -> nn.Module:
    """Prepare a module for judging, in place: evaluation mode, no gradients of weights, batch norm folded, channels
    last, weights of type `dtype` (None keeps their type)."""
    module = fold_batch_norm(module.eval().requires_grad_(False))
    for part in module.modules():
        # ReLU may keep `inplace`. Most others need their input in the backward pass, so autograd would copy it.
        if getattr(part, "inplace", False) and not isinstance(part, nn.ReLU):
            part.inplace = False  # type: ignore[assignment]
    return module.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


def uncompile(module: nn.Module) -> nn.Module:
    """Return the original of a module that `torch.compile` has wrapped, or any other module as it is."""
    original = getattr(module, "_orig_mod", None)
    return original if isinstance(original, nn.Module) else module


def freeze_copy(name: str, module: nn.Module) -> nn.Module:
    """Return a frozen copy of a module, with weights of the same precision; `name` is for messages."""
    with own_modes():
        return freeze(copy_module(name, module), None)


def copy_module(name: str, module: nn.Module) -> nn.Module:
    """Return a copy of a module, or raise a ValueError; the copy of a compiled module is not compiled."""
    check_copyable(name, module)
    try:
        with own_modes():
            return deepcopy(uncompile(module))
    except (RuntimeError, TypeError, AttributeError, NotImplementedError) as error:
        raise ValueError(
            f"{name} cannot be copied ({error}): load it anew, if another library has left its hooks on it; or give it "
            "to build_classifier, which freezes the model itself, in place"
        ) from error


def check_copyable(name: str, module: nn.Module) -> None:
    """Raise a ValueError when a module is traced or scripted, or has no weights yet."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise ValueError(
            f"{name} is traced or scripted by torch.jit, so its layers cannot be reached; give the module that it was "
            "made from"
        )
    if any(isinstance(weight, UninitializedParameter) or weight.is_meta for weight in module.parameters()):
        raise ValueError(
            f"{name} has no weights yet: some of them are lazy or on the device meta; load them, or run a lazy module "
            "on an image, and then give it again"
        )


def copy_with_precision(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a module with floating-point weights and buffers of another type."""
    # `to` converts the tensors of modules that define `__deepcopy__`; all others have the type already.
    return copy_with(
        module, lambda weight: weight.to(dtype, copy=True) if weight.is_floating_point() else weight.clone()
    ).to(dtype)


def copy_with(module: nn.Module, convert: Callable[[Tensor], Tensor]) -> nn.Module:
    """Return a copy of a module with other weights and buffers: `convert` returns each of them, given the original."""
    # The memo of `deepcopy`: converted copies by the `id` of their originals, which it then does not copy.
    copies: dict[int, Tensor | nn.Module] = {}
    with own_modes():
        for weight in pausing([*module.parameters(), *module.buffers()]):
            made = convert(weight).detach()
            is_parameter = isinstance(weight, nn.Parameter)
            copies[id(weight)] = nn.Parameter(made, weight.requires_grad) if is_parameter else made
        for part in module.modules():
            original = find_unfolded(part)
            if original is not None:
                # Shared, not copied: it never changes, and its weights are converted when it is run (`hooks.py`).
                copies[id(original)] = original
        return deepcopy(module, copies)
