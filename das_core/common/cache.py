"""A cache for functions that return tensors, with a limit of the bytes that it keeps on every device."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from threading import RLock, get_ident
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .modes import own_modes

LIMIT = 96 * 2**20  # Bytes that all cached functions keep on a device, beside what runs use that are going on.

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class _Run:
    """A run (`running`) on a device (None: on any), begun in a thread."""

    device: torch.device | None
    thread: int


@dataclass(frozen=True, eq=False)
class _Kept:
    """A kept result, its bytes on each device, and the run that uses it."""

    value: Any
    sizes: Counter[torch.device]
    run: _Run | None


_kept: OrderedDict[tuple[Hashable, ...], _Kept] = OrderedDict()
"""The results of all cached functions by function and arguments, the least recently used first."""

_sizes: Counter[torch.device] = Counter()  # The bytes of `_kept`.

copies: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
"""For every tensor that still exists, the copies that `devices.keep_copy` has made of it, by their type and device."""

_runs: list[_Run] = []  # Those that are going on, in the order in which they began.
lock = RLock()  # Held while the caches are changed.


def cached(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps the last `maxsize` results of a function of hashable arguments. All callers with
    the same arguments get the same tensor, so none of them may change it in place."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        compute = own_modes()(function)  # Later callers may need gradients, and all of the precision.

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            key = (function, args, tuple(sorted(kwargs.items())))
            with lock:
                if key in _kept:
                    _kept.move_to_end(key)
                    _kept[key] = replace(_kept[key], run=_find_run())
                    found: R = _kept[key].value
                    return found
            made: R = compute(*args, **kwargs)
            with lock:
                if key not in _kept:  # Otherwise another thread was faster.
                    _kept[key] = _Kept(made, _measure(made), _find_run())
                    _sizes.update(_kept[key].sizes)
                made = _kept[key].value
                own = [other for other in _kept if other[0] is function]
                if len(own) > maxsize:
                    _drop(own[0])
                _drop_beyond_limit()
            return made

        return call

    return decorate


@contextmanager
def running(device: torch.device | None = None, *, empty: bool = True) -> Iterator[None]:
    """Keep what cached functions return in the `with` block on a device (None: any) until the block, a run, is over.
    The last run on a device empties its caches, unless `empty` is False because another run soon follows."""
    run = _Run(device, get_ident())
    with lock:
        _runs.append(run)
    try:
        yield
    finally:
        with lock:
            _runs.remove(run)
            others = {other.device for other in _runs}
            if empty and None not in others:
                used = {each for kept in _kept.values() for each in kept.sizes}
                used |= {each for made in copies.values() for _, each in made}
                for each in (used if device is None else {device}) - others:
                    free_caches(each)
            _drop_beyond_limit()


def free_caches(device: torch.device | None = None) -> None:
    """Drop what is cached on a device; None for all devices. Runs that are going on compute it again."""
    with lock:
        for key in [key for key, kept in _kept.items() if device is None or device in kept.sizes]:
            _drop(key)
        for made in list(copies.values()):
            for key in [key for key in made if device in (None, key[1])]:
                del made[key]


def measure_caches(device: torch.device | None = None) -> int:
    """Return how many bytes are cached on a device; None for all devices together."""
    with lock:
        sizes = _sizes + _measure([list(made.values()) for made in copies.values()])
    return sizes.total() if device is None else sizes[device]


def _find_run() -> _Run | None:
    """Return the run that this thread began last, or if it has begun none, the last run; None if none is going on."""
    own = [run for run in _runs if run.thread == get_ident()]
    return next(reversed(own or _runs), None)


def _drop(key: tuple[Hashable, ...]) -> None:
    _sizes.subtract(_kept.pop(key).sizes)


def _drop_beyond_limit() -> None:
    """Drop the least recently used results where they exceed `LIMIT`, except those that a run uses."""
    over = {device for device, size in _sizes.items() if size > LIMIT}
    for key in list(_kept) if over else []:
        if _kept[key].run not in _runs and not over.isdisjoint(_kept[key].sizes):
            _drop(key)
            over = {device for device in over if _sizes[device] > LIMIT}


def _measure(value: Any) -> Counter[torch.device]:
    """Return how many bytes the tensors of a result take on each device; a tensor that occurs twice counts once."""
    sizes, seen, left = Counter[torch.device](), set[int](), [value]
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Tensor):
            sizes[part.device] += part.nbytes
        elif isinstance(part, tuple | list):
            left += part
        elif isinstance(part, dict):
            left += part.values()
        elif not isinstance(part, type) and hasattr(part, "__dict__"):
            left += vars(part).values()
    return sizes
