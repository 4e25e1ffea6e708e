"""The layers inside a judge: their names, what comes out of them, and a way to listen to them.

Layers go by the names that the model's own code gives its modules. Hooks are there for one forward pass and no longer,
however it ends, so that a model is the same before and after it was listened to.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..judge import Judge
from .heads import HEADS, count_heads
from .hooks import capture_outputs

_VIEWS = 2
"""Enough to tell the axis of the views from others."""

_NEAREST = 5


class UnknownLayerError(ValueError):
    """A name that no layer of a model has."""


@dataclass(frozen=True)
class Layer:
    """A part of a model, and what comes out of it for one view, once its axes are in this order.

    `shape` is (channels,) or (channels, tokens) or (channels, height, width). `order` are the model's own axes in this
    order, the views first; `calls` is how often the layer runs in one pass (what counts is the last time), and `heads`
    how many attention heads its channels fall into, 0 where they do not.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    calls: int = 1
    heads: int = 0

    @property
    def channels(self) -> int:
        """How many features it has at every position."""
        return self.shape[0]

    @property
    def positions(self) -> tuple[int, ...]:
        """Where they are told: (tokens,), (height, width), or () where there is one place only."""
        return self.shape[1:]

    def describe(self) -> str:
        """The shape in words."""
        heads = f"{self.heads} heads of {self.channels // self.heads} = " if self.heads else ""
        channels = f"{heads}{self.channels} channels"
        if len(self.positions) == 1:
            return f"{channels}, {self.positions[0]} tokens"
        return ", ".join([channels, *(["{} x {}".format(*self.positions)] if self.positions else [])])


def find_layers(judge: Judge) -> tuple[Layer, ...]:
    """The layers of a judge in the order in which they run, found by showing it two grey views.

    Those are left out that a view has no share of its own in, or whose output has no axis of channels. ValueError when
    none is left.
    """
    found: dict[str, Layer] = {}
    parts = dict(judge.module.named_modules())
    names = [name for name in parts if name]
    names += [name + HEADS for name in names if count_heads(parts[name])]

    def heard(name: str, output: Any) -> None:
        shape = output.shape if isinstance(output, Tensor) and output.is_floating_point() else ()
        order = _order(shape)
        if not order:
            return
        part = parts[name.removesuffix(HEADS)]
        layer = Layer(name, type(part).__name__, tuple(shape[axis] for axis in order[1:]), order)
        calls = found[name].calls + 1 if name in found else 1
        found[name] = replace(layer, calls=calls, heads=count_heads(part) if name.endswith(HEADS) else 0)

    where = next((parameter.device for parameter in judge.module.parameters()), None)
    with torch.no_grad(), capture_outputs(judge.module, names, heard):
        judge(torch.full((_VIEWS, 3, judge.size, judge.size), 0.5, device=where))
    if not found:
        raise ValueError(f"{judge.name} has no layers that can be told apart; choose another model")
    return tuple(found.values())


def _order(shape: Sequence[int]) -> tuple[int, ...]:
    """The axes of an output as views, channels, positions; empty where it has no such axes."""
    if len(shape) not in (2, 3, 4) or 0 in shape:
        return ()
    if shape[0] != _VIEWS:
        # Some transformers keep the views behind the tokens.
        return (1, 2, 0) if len(shape) == 3 and shape[1] == _VIEWS else ()
    if len(shape) == 3:
        return (0, 2, 1)
    # Views are square, so height and width are the two that are alike.
    last = len(shape) == 4 and shape[1] == shape[2] != shape[3]
    return (0, 3, 1, 2) if last else tuple(range(len(shape)))


def find_layer(layers: Sequence[Layer], name: str, model: str) -> Layer:
    """The layer of this name; ValueError with the nearest names when there is none."""
    by_name = {layer.name: layer for layer in layers}
    wanted = name.strip()
    if wanted in by_name:
        return by_name[wanted]
    if not wanted:
        raise UnknownLayerError(f"no layer is named; write one of {model}'s, such as {layers[len(layers) // 2].name}")
    near = [known for known in by_name if known.endswith(f".{wanted}")][: _NEAREST - 1]
    near += [n for n in difflib.get_close_matches(wanted, by_name, n=_NEAREST, cutoff=0.5) if n not in near]
    told = f"the nearest are {', '.join(near[:_NEAREST])}" if near else f"there is {', '.join(list(by_name)[:3])} …"
    raise UnknownLayerError(f"layer '{wanted[:80]}' is not in {model}; {told}")


def search_layers(layers: Sequence[Layer], search: str) -> list[Layer]:
    """The layers whose name and kind hold all words of a search, capitals or not."""
    words = search.casefold().split()
    return [layer for layer in layers if all(word in f"{layer.name} {layer.kind}".casefold() for word in words)]


def format_layers(layers: Sequence[Layer]) -> str:
    """A layer a line: its name, what comes out of it, and what it is."""
    rows = [(layer.name, layer.describe(), layer.kind) for layer in layers]
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
