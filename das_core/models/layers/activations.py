"""A judge that answers with the activations of some of its layers, in place of the output of its model."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ...common.text import shorten
from ..frozen import uncompile
from ..judge import Judge
from .hooks import capture_outputs
from .layer import Layer, find_layer, find_layers

VIEWS = ""  # The name of what a model sees among the activations of its layers; no layer is called so.


class _AllCaptured(BaseException):
    """Ends a forward pass as soon as all layers are captured; no `except Exception` on the way catches it."""


@dataclass(frozen=True)
class Activations:
    """The activations of some layers for the same views; `activations["layer name"]` returns those of one layer.

    Args:
        values: by the name of the layer, float32: (V, channels, height, width), (V, channels, tokens) or
            (V, channels); by an empty name, the views.
        references: those of reference images that are seen through the same views, see `Term`.

    Example:
        >>> import direct_ascent as da
        >>> def compare(activations):
        ...     early, late = activations["blocks.1"], activations["blocks.3"]
        ...     return late[:, 5].mean(dim=(1, 2)) - early[:, 7].mean(dim=(1, 2))
        >>> wish = 0.5 * da.activations(["blocks.1", "blocks.3"], compare)
        >>> da.render(da.load_starter(), wish, size=64, steps=1, progress=False).scores.keys()
        dict_keys(['compare of blocks.1, blocks.3'])
    """

    values: Mapping[str, Tensor]
    references: tuple["Activations", ...] = ()

    def __getitem__(self, layer: str) -> Tensor:
        if layer not in self.values:
            known = ", ".join(name for name in self.values if name)
            raise ValueError(
                f"there are no activations of layer '{shorten(layer)}'; those that were asked for: {known}"
            )
        return self.values[layer]


@dataclass(frozen=True, kw_only=True)
class ActivationJudge(Judge):
    """A judge that answers with the activations of some of its layers. `make_activation_judge` makes one."""

    layers: tuple[Layer, ...]

    @property
    def answer_key(self) -> tuple[object, ...]:
        """The kind of answer. It names no layers, so judges with different layers can share one run."""
        return ("activations",)

    def __call__(self, views: Tensor) -> Activations:  # type: ignore[override]
        """Return the activations of views (V, 3, size, size), 0..1, with gradients; the module stops after the last."""
        layers = {layer.name: layer for layer in self.layers}
        left = Counter({layer.name: layer.calls for layer in self.layers})
        values: dict[str, Tensor] = {VIEWS: views}

        def on_output(name: str, output: Any) -> None:
            # Cloned, because the next layer may overwrite the output in place.
            values[name] = self.postprocess(output.permute(layers[name].order).clone())
            # A layer that runs several times counts as captured after its last run.
            left[name] -= 1
            if not any(count > 0 for count in left.values()):
                raise _AllCaptured

        with capture_outputs(self.module, list(layers), on_output), suppress(_AllCaptured):
            self.run(views)
        return Activations(values)


def make_activation_judge(judge: Judge, layers: Iterable[Layer | str]) -> ActivationJudge:
    """Return a judge that answers with the activations of some of its layers, given as layers or by their names."""
    wanted = list(layers)
    known = find_layers(judge) if any(isinstance(layer, str) for layer in wanted) else ()
    found = [find_layer(known, layer, judge.name) if isinstance(layer, str) else layer for layer in wanted]
    judge = replace(judge, module=uncompile(judge.module))
    return judge.convert_to(ActivationJudge, layers=tuple({layer.name: layer for layer in found}.values()))


def merge_judges(judges: Sequence[Judge]) -> Judge:
    """Merge judges that share a module and the kind of answer into one, so that the module runs once for all."""
    first = judges[0]
    if not isinstance(first, ActivationJudge):
        return first
    layers = {layer.name: layer for judge in judges if isinstance(judge, ActivationJudge) for layer in judge.layers}
    return replace(first, layers=tuple(layers.values()))
