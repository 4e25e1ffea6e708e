"""A judge that answers with the activations of some of its layers, in place of the output of its model."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..frozen import uncompile
from ..judge import Judge
from .hooks import capture_outputs
from .layer import Layer, find_layer, find_layers


class _AllCaptured(BaseException):
    """Ends a forward pass as soon as all layers are captured; no `except Exception` on the way catches it."""


@dataclass(frozen=True)
class Activations:
    """The activations of some layers for the same views; `activations["layer name"]` returns those of one layer.

    Args:
        values: the activations by the name of the layer: (V, channels, *positions), float32.
        references: the activations of reference images seen through the same views, that is, with the same windows,
            flips and noise. An ascent sets them, in the order of the objective's `reference_images`.

    Example:
        >>> import torch
        >>> from das_core.models.layers import Activations
        >>> activations = Activations({"blocks.1": torch.zeros(2, 24, 56, 56)})
        >>> activations["blocks.1"].shape
        torch.Size([2, 24, 56, 56])
    """

    values: Mapping[str, Tensor]
    references: tuple["Activations", ...] = ()

    def __getitem__(self, layer: str) -> Tensor:
        return self.values[layer]


@dataclass(frozen=True, kw_only=True)
class ActivationJudge(Judge):
    """A judge that answers with the activations of some of its layers.

    `make_activation_judge` makes one from another judge; both use the same module.

    Args:
        name: the name of the model in messages.
        module: the model; it takes normalised views (V, 3, size, size).
        size: the side of a view in pixels.
        mean: per channel, the mean that is subtracted from views in 0..1.
        std: per channel, the standard deviation that views are then divided by.
        owner: any object that must live as long as the judge does; see `Judge`.
        layers: the layers whose activations it answers with.

    Example:
        >>> import torch
        >>> from das_core import Judge
        >>> from das_core.models.layers import ActivationJudge, find_layers
        >>> module = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten())
        >>> judge = Judge("toy", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        >>> captured = judge.convert_to(ActivationJudge, layers=find_layers(judge)[:1])
        >>> captured(torch.full((1, 3, 8, 8), 0.5))["0"].shape
        torch.Size([1, 3, 2, 2])
    """

    layers: tuple[Layer, ...]

    @property
    def answer_key(self) -> tuple[object, ...]:
        """A key for the kind of answer, see `Judge.answer_key`.

        The key does not name the layers, so judges with different layers can share one run of the module.
        """
        return ("activations",)

    def __call__(self, views: Tensor) -> Activations:  # type: ignore[override]
        """Return the activations of views (V, 3, size, size), 0..1; gradients flow from them to the views.

        The module stops as soon as all layers have run; later layers are not computed.
        """
        layers = {layer.name: layer for layer in self.layers}
        left = Counter({layer.name: layer.calls for layer in self.layers})
        values: dict[str, Tensor] = {}

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
    """Return a judge that answers with the activations of some layers.

    Args:
        judge: the judge whose layers are captured.
        layers: layers that `find_layers` has found in the judge, or their names; a layer that is given twice is
            captured once.

    Raises:
        UnknownLayerError: when no layer has a given name; the message names other layers (see `find_layer`).
        ValueError: when names are given, and the judge is an ensemble or has no layers.

    Example:
        >>> import torch
        >>> from das_core import load_starter
        >>> from das_core.models.layers import make_activation_judge
        >>> inner = make_activation_judge(load_starter(), ["blocks.1", "blocks.4"])
        >>> activations = inner(torch.full((1, 3, 224, 224), 0.5))
        >>> [tuple(activations[layer.name].shape) for layer in inner.layers]
        [(1, 24, 56, 56), (1, 112, 14, 14)]
    """
    wanted = list(layers)
    known = find_layers(judge) if any(isinstance(layer, str) for layer in wanted) else ()
    found = [find_layer(known, layer, judge.name) if isinstance(layer, str) else layer for layer in wanted]
    captured = judge.convert_to(ActivationJudge, layers=tuple({layer.name: layer for layer in found}.values()))
    return replace(captured, module=uncompile(judge.module))


def merge_judges(judges: Sequence[Judge]) -> Judge:
    """Merge several judges that share a module into one judge, so that the module runs once for all of them.

    Args:
        judges: at least one; either all of them are an `ActivationJudge`, or none of them is.

    Returns:
        For `ActivationJudge`s, a judge that captures the layers of all of them; otherwise the first judge.
    """
    first = judges[0]
    if not isinstance(first, ActivationJudge):
        return first
    layers = {layer.name: layer for judge in judges if isinstance(judge, ActivationJudge) for layer in judge.layers}
    return replace(first, layers=tuple(layers.values()))
