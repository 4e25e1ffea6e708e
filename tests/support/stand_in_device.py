"""A stand-in for a GPU: tensors that say they are on another device, and are computed on the CPU."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

import das_core
from das_core.common import seeding
from das_core.common.cache import free_caches
from das_core.views import draws

DEVICE = torch.device("meta")
"""The device that the stand-in answers for."""

_LIBRARY = str(Path(das_core.__file__).parent)

_READERS = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2", "bincount"}
"""Operators whose answer, or its size, the program waits for."""

_MAKE = torch.tensor
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
_MASKS = {torch.bool, torch.uint8}
_WIDE = {torch.float64, torch.complex128}


@dataclass(frozen=True)
class Event:
    """What an operator did, such as 'aten.item', and where it was called in the library, the innermost place first."""

    operator: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operator} in {' < '.join(self.places[:3])}"


@dataclass
class Traffic:
    """What was sent between the program and the device, and what was computed on the device."""

    reads: list[Event] = field(default_factory=list)
    sends: list[Event] = field(default_factory=list)
    lacking: list[Event] = field(default_factory=list)
    operators: int = 0

    def clear(self) -> None:
        self.reads, self.sends, self.lacking, self.operators = [], [], [], 0


class _OnDevice(Tensor):
    """A tensor of the device; `numbers` are its values, on the CPU."""

    numbers: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> "_OnDevice":
        made: _OnDevice = Tensor._make_wrapper_subclass(
            cls, values.size(), values.stride(), values.storage_offset(), dtype=values.dtype, device=DEVICE
        )
        made.numbers = values
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        raise AssertionError(f"{operator} was asked of the stand-in outside of `stand_in_device`")

    # What PyTorch makes from Python's numbers on the device "meta" has no values: it is made on the CPU and sent.

    def __getitem__(self, index: Any) -> Tensor:
        found: Tensor = super().__getitem__(_send_lists(index))
        return found

    def new_tensor(self, data: Any, **more: Any) -> Tensor:  # type: ignore[override]
        return torch.tensor(data, **{"dtype": self.dtype, "device": DEVICE, **more})

    def tolist(self) -> Any:
        return self.cpu().tolist()


class _Operators(TorchDispatchMode):
    """Computes every operator on the CPU, and records in `traffic` what it would have cost on a device."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self.traffic = traffic

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_device = [tensor for tensor in tensors if isinstance(tensor, _OnDevice)]
        answers_there = bool(on_device)
        if kwargs.get("device") is not None:
            answers_there = torch.device(kwargs["device"]).type == DEVICE.type
            kwargs["device"] = torch.device("cpu")
        answer = operator(*_unwrap(args), **_unwrap(kwargs))
        self._note(operator, args, kwargs, tensors, answers_there, answer)
        if not answers_there:
            return answer
        wrapped = pytree.tree_map_only(Tensor, _OnDevice, answer)
        return return_and_correct_aliasing(operator, args, kwargs, wrapped) if on_device else wrapped

    def _note(self, operator: Any, args: Any, kwargs: Any, tensors: Any, answers_there: bool, answer: Any) -> None:
        """Record what an operator did, and raise an error for what a GPU refuses."""
        name, traffic = operator.overloadpacket.__name__, self.traffic
        event = Event(str(operator.overloadpacket), _find_places())
        reads_there = any(isinstance(tensor, _OnDevice) for tensor in tensors)
        strangers = reads_there and any(tensor.ndim and not isinstance(tensor, _OnDevice) for tensor in tensors)
        reads = sends = False
        if name == "copy_":
            there, here = (isinstance(tensor, _OnDevice) for tensor in args[:2])
            reads, sends = here and not there, there and not here
        elif name == "_to_copy":
            reads, sends = reads_there and not answers_there, answers_there and not reads_there
        elif name in _INDEXING:
            # Indices on the CPU are sent. For a mask, the program waits until the device has counted the chosen values.
            sends = strangers
            reads = any(isinstance(index, _OnDevice) and index.dtype in _MASKS for index in args[1])
        elif strangers:
            raise RuntimeError(f"{event}: a tensor of the CPU among those of the device")
        else:
            reads = reads_there and name in _READERS
        traffic.reads += [event] * reads
        traffic.sends += [event] * sends
        traffic.operators += answers_there
        answers = [leaf for leaf in pytree.tree_leaves(answer) if isinstance(leaf, Tensor)]
        turned = isinstance(kwargs.get("alpha"), complex)
        lacks = answers_there and (turned or any(tensor.dtype in _WIDE for tensor in answers))
        traffic.lacking += [event] * lacks


@contextmanager
def stand_in_device() -> Iterator[Traffic]:
    """Provide the device while the block runs, and record what is sent to it and read from it."""
    traffic = Traffic()
    with ExitStack() as stack:
        # Tensors that are cached by device would be mixed with those of the real device "meta".
        free_caches()
        stack.callback(free_caches)
        for module, name, substitute in (
            (torch, "tensor", _make_through_cpu),
            (draws, "make_generator", _make_generator),
        ):
            stack.enter_context(mock.patch.object(module, name, substitute))
        # The backward pass runs in this thread too, because `_Operators` sees the operators of this thread only.
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        stack.enter_context(_Operators(traffic))
        yield traffic


def _make_through_cpu(data: Any, **more: Any) -> Tensor:
    there = _is_stand_in(more.get("device"))
    made = _MAKE(data, **more | {"device": None} if there else more)
    return made.to(DEVICE) if there else made


def _send_lists(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_send_lists, index))
    return torch.tensor(index).to(DEVICE) if isinstance(index, list) else index


def _make_generator(*key: int, device: torch.device | None = None) -> torch.Generator:
    return seeding.make_generator(*key, device=None if _is_stand_in(device) else device)


def _is_stand_in(device: Any) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


def _unwrap(arguments: Any) -> Any:
    return pytree.tree_map_only(_OnDevice, lambda tensor: tensor.numbers, arguments)


def _find_places() -> tuple[str, ...]:
    places: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(_LIBRARY):
            places.append(f"{frame.f_code.co_filename[len(_LIBRARY) + 1 :]}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(places)
