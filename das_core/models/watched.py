"""A judge that tells what goes on inside of it, in place of what it says in the end."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .judge import Judge
from .layers import Layer, found_layer, layers_of, listening


class _AllHeard(Exception):  # noqa: N818
    """Ends a forward pass after the last layer that is watched: the rest would be computed for nobody."""


@dataclass(frozen=True)
class Activations:
    """What came out of some layers for the same views: by name, (V, channels, *positions), float32.

    `beside` gives the same of another image (1 or B, 3, h, w), 0..1, seen through the very same views: the same
    windows, flips and noise. It is there in an ascent only.
    """

    values: Mapping[str, Tensor]
    beside: Callable[[Tensor], "Activations"] | None = None

    def __getitem__(self, layer: str) -> Tensor:
        return self.values[layer]


@dataclass(frozen=True, kw_only=True)
class Watched(Judge):
    """A judge with the activations of some of its layers as its output. The module is the judge's own, shared."""

    layers: tuple[Layer, ...]

    def __call__(self, views: Tensor) -> Activations:  # type: ignore[override]
        """The activations of views (V, 3, size, size), 0..1; their gradients flow to the views."""
        layers = {layer.name: layer for layer in self.layers}
        left = Counter({layer.name: layer.calls for layer in self.layers})
        values: dict[str, Tensor] = {}

        def heard(name: str, output: Any) -> None:
            # Cloned: what runs next may well overwrite it.
            values[name] = self.told(output.permute(layers[name].order).clone())
            left[name] -= 1
            if not any(count > 0 for count in left.values()):
                raise _AllHeard

        with listening(self.module, list(layers), heard), suppress(_AllHeard):
            self.module(self.prepared(views))
        return Activations(values)

    def layer(self, name: str) -> Layer:
        """The watched layer of this name."""
        return next(layer for layer in self.layers if layer.name == name)


def watched(judge: Judge, names: Iterable[str]) -> Watched:
    """The judge, watched at the layers of these names; ValueError with the nearest names when one is not there."""
    known = layers_of(judge)
    layers = {name: found_layer(known, name, judge.name) for name in names}
    return watched_at(judge, layers.values())


def watched_at(judge: Judge, layers: Iterable[Layer]) -> Watched:
    """The judge, watched at these layers of it, each once."""
    unique = {layer.name: layer for layer in layers}.values()
    parts = (judge.name, judge.module, judge.size, judge.mean, judge.std, judge.owner)
    return Watched(*parts, layers=tuple(unique))


def joined(judges: Sequence[Judge]) -> Judge:
    """One judge for all of these, which share a module: what is watched by any of them is watched by it."""
    first = judges[0]
    if not isinstance(first, Watched):
        return first
    layers = {layer.name: layer for judge in judges if isinstance(judge, Watched) for layer in judge.layers}
    return replace(first, layers=tuple(layers.values()))
