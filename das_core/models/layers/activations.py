"""A judge that answers with the activations of some of its layers, in place of its last output."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..judge import Judge
from .hooks import capture_outputs
from .layer import Layer, find_layer, find_layers


class _AllCaptured(Exception):  # noqa: N818
    """Ends a forward pass after the last layer that is captured: the rest would be computed for nobody."""


@dataclass(frozen=True)
class Activations:
    """What came out of some layers for the same views. `activations["layer name"]` reads one of them.

    Args:
        values: by the name of the layer, (V, channels, *positions), float32.
        references: the activations of reference images seen through the very same views: the same windows, flips and
            noise. An ascent fills them in, in the order of an objective's `reference_images`.
    """

    values: Mapping[str, Tensor]
    references: tuple["Activations", ...] = ()

    def __getitem__(self, layer: str) -> Tensor:
        return self.values[layer]


@dataclass(frozen=True, kw_only=True)
class ActivationJudge(Judge):
    """A judge that answers with the activations of some of its layers. It shares the module of the judge it watches."""

    layers: tuple[Layer, ...]

    def __call__(self, views: Tensor) -> Activations:  # type: ignore[override]
        """Return the activations of views (V, 3, size, size), 0..1; their gradients flow to the views."""
        layers = {layer.name: layer for layer in self.layers}
        left = Counter({layer.name: layer.calls for layer in self.layers})
        values: dict[str, Tensor] = {}

        def on_output(name: str, output: Any) -> None:
            # Cloned: what runs next may well overwrite it.
            values[name] = self.postprocess(output.permute(layers[name].order).clone())
            left[name] -= 1
            if not any(count > 0 for count in left.values()):
                raise _AllCaptured

        with capture_outputs(self.module, list(layers), on_output), suppress(_AllCaptured):
            self.module(self.preprocess(views))
        return Activations(values)


def capture_layers_named(judge: Judge, names: Iterable[str]) -> ActivationJudge:
    """Return a judge that answers with the activations of the layers of these names.

    Raises:
        ValueError: a layer is not there; the message tells the nearest names.
    """
    known = find_layers(judge)
    layers = {name: find_layer(known, name, judge.name) for name in names}
    return capture_layers(judge, layers.values())


def capture_layers(judge: Judge, layers: Iterable[Layer]) -> ActivationJudge:
    """Return a judge that answers with the activations of these layers, each once."""
    unique = {layer.name: layer for layer in layers}.values()
    return judge.convert_to(ActivationJudge, layers=tuple(unique))


def merge_judges(judges: Sequence[Judge]) -> Judge:
    """Return one judge for several that share a module: it captures the layers that any of them captures."""
    first = judges[0]
    if not isinstance(first, ActivationJudge):
        return first
    layers = {layer.name: layer for judge in judges if isinstance(judge, ActivationJudge) for layer in judge.layers}
    return replace(first, layers=tuple(layers.values()))
