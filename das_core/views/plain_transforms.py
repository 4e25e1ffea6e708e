"""Transforms that take views alone: those of torchvision and kornia, and functions of one's own.

What they draw comes from the generators of PyTorch, NumPy and Python, which the draws of each view seed for it.
"""

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..common.interruption import is_cancellation, pausing
from ..common.text import shorten
from .draws import Draws
from .transforms import Transform

PlainTransform = Callable[[Tensor], Tensor]
"""A function from views (1, 3, S, S), 0..1, to such views, such as a transform of torchvision."""

AnyTransform = Transform | PlainTransform

_drawing = RLock()  # The generators belong to the process: of several threads, one at a time draws from them.


def takes_draws(transform: Any) -> bool:
    """Return whether a transform takes views and draws, see `Transform`, and not views alone; a ValueError when it is
    none of both."""
    if isinstance(transform, type) or not callable(transform):
        name = getattr(transform, "__name__", shorten(transform))
        raise ValueError(f"{name} is no transform of views; give one, such as Flip(), or a function of views")
    try:
        given = inspect.signature(transform.forward if isinstance(transform, nn.Module) else transform).parameters
    except (TypeError, ValueError):  # A function of C does not say what it takes.
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in places and one.default is one.empty for one in given.values()) > 1


def transform_each(transform: PlainTransform, views: Tensor, draws: Draws) -> Tensor:
    """Return views (V, 3, S, S), 0..1, each transformed by itself, so that each is changed in its own way."""
    pairs = pausing(zip(views.split(1), draws.numbers(), strict=True))
    return torch.cat([_transform(transform, view, number) for view, number in pairs]).clamp(0, 1)


def try_transform(transform: PlainTransform, size: int, device: torch.device) -> None:
    """Raise a ValueError when a transform does not make views of views of this size, tried on stripes."""
    stripes = (torch.arange(size) % 16 // 8).to(device, torch.float32).expand(1, 3, size, size)
    made = _transform(transform, stripes, 0.5)
    # Of the means: single values may leave 0..1, as with noise, and are clipped.
    black, white = (float(made[stripes == value].mean()) for value in (0, 1))
    if not (black > -0.5 and white < 1.5):
        raise ValueError(
            f"transform {_name(transform)} makes {black:.3g} of black and {white:.3g} of white, and views are 0..1: "
            "leave a normalisation out, for models have their own"
        )


def _name(transform: Any) -> str:
    return str(getattr(transform, "__name__", type(transform).__name__))


def check_made(transform: Any, made: Any, views: Tensor) -> Tensor:
    """Return what a transform has made of views if it has their shape and type, or raise a ValueError."""
    if isinstance(made, Tensor) and made.shape == views.shape and made.dtype == views.dtype:
        return made
    found = f"{made.dtype} {tuple(made.shape)}" if isinstance(made, Tensor) else f"a {type(made).__name__}"
    wanted = f"{views.dtype} {tuple(views.shape)}"
    raise ValueError(f"transform {_name(transform)} makes {found} of views {wanted}; it has to keep shape and type")


def _transform(transform: PlainTransform, view: Tensor, number: float) -> Tensor:
    try:
        # Torchvision changes in place what it has computed, which autograd then needs: it keeps copies.
        keeping = torch.autograd.graph.saved_tensors_hooks(lambda kept: kept.detach().clone(), lambda kept: kept)
        with _seeding(int(number * 2**53), view.device), keeping, _Unbinding():
            made = transform(view.clone())
    except Exception as error:
        if is_cancellation(error) or isinstance(error, torch.OutOfMemoryError):
            raise
        raise ValueError(
            f"transform {_name(transform)} fails on a view, a float tensor {tuple(view.shape)}, 0..1 "
            f"({type(error).__name__}: {shorten(str(error), 200)}); take one that takes such tensors"
        ) from error
    return check_made(transform, made, view)


class _Unbinding(TorchFunctionMode):
    """A context in which the slices of `unbind` may be changed in place, as when torchvision shifts hues: autograd
    refuses this for all slices made at once."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.unbind, Tensor.unbind):
            return _unbind(*args, **kwargs or {})
        return func(*args, **kwargs or {})


def _unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    return tuple(input.select(dim, place) for place in range(input.shape[dim]))


@contextmanager
def _seeding(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the generators of the process while the `with` block runs; afterwards they go on as if it had not."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index or 0])
    elif device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())
    with _drawing:
        states = [generator.get_state() for generator in generators]
        python, numpy = random.getstate(), np.random.get_state()
        try:
            for generator in generators:
                generator.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
