"""Counts how much memory the activations of a model take until the backward pass, without computing them.

The model runs once on PyTorch's meta device, without numbers, while hooks record the tensors that autograd saves.
"""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ..common.modes import own_modes
from .fold import FORWARD_ERRORS
from .frozen import copy_with
from .judge import Judge

_BYTES_PER_PIXEL = 2000  # Of a view: an estimate, fit for convolutions, for models that cannot run on the meta device.
_VIEW_COPIES = 16  # Float32 tensors as large as a view that are saved for crop, transforms and normalisation.

_measured: WeakKeyDictionary[nn.Module, tuple[torch.dtype, int]] = WeakKeyDictionary()


def measure_view_bytes(judge: Judge) -> int:
    """Return about how many bytes one view, its crop and its transforms take in both passes of a single judge."""
    known = _measured.get(judge.module)
    if known is None or known[0] != judge.dtype:
        known = judge.dtype, _count_saved_bytes(judge)
        _measured[judge.module] = known
    # 4 bytes per value, 3 channels.
    return known[1] + _VIEW_COPIES * 4 * 3 * judge.size**2


def _count_saved_bytes(judge: Judge) -> int:
    """Return the bytes of what autograd saves for one view, except weights, plus those of two gradients."""
    weights: set[int] = set()
    saved: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        # Tensors that share memory have one storage, and are counted once.
        key = tensor.untyped_storage()._cdata
        if key not in weights:
            saved[key] = tensor
        return tensor

    view = torch.empty(1, 3, judge.size, judge.size, dtype=judge.dtype, device="meta", requires_grad=True)
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    try:
        # A copy, because another thread may be running the module.
        module = copy_with(judge.module, lambda weight: torch.empty_like(weight, device="meta"))
        module.eval().requires_grad_(False)
        weights.update(weight.untyped_storage()._cdata for weight in (*module.parameters(), *module.buffers()))
        with own_modes(), hooks:
            module(view)
    except (*FORWARD_ERRORS, RuntimeError):
        # An operation needs numbers, or a tensor of the module is on another device.
        return _BYTES_PER_PIXEL * judge.size**2
    sizes = sorted(tensor.untyped_storage().nbytes() for tensor in saved.values())
    return sum(sizes) + sum(sizes[-2:])
