"""The objective that activates a part of a judge: a channel, a neuron, a direction, a head, or a whole layer.

This is feature visualisation by optimisation (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017);
for a whole layer it is DeepDream (Mordvintsev, Olah and Tyka, 2015).
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import make_constant
from ..common.text import shorten
from ..common.weighted_lines import check_weight
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, Activations, make_activation_judge
from ..models.layers.heads import HEADS
from ..models.layers.layer import Layer, find_layer, find_layers
from .base import BaseObjective

Kind = Literal["layer", "channel", "neuron", "direction", "head"]
"""The parts of a layer that can be activated, see `FeatureObjective`."""


@dataclass(frozen=True)
class FeatureObjective(BaseObjective):
    """How strongly a part of one layer is activated.

    Args:
        judge: a judge that captures one layer.
        kind: the part, and how its activations become the score of a view. `layer`: the mean square of all activations,
            which strengthens whatever the layer already responds to. `channel`: the mean of a channel over all
            positions. `neuron`: a channel at one position. `direction`: the projection of the activations on a
            direction in the space of the channels, averaged over all positions. `head`: the mean square of the
            activations of an attention head.
        index: the number of the channel (`channel`, `neuron`) or of the head (`head`), from 0.
        position: where the neuron is: (token,) or (row, column), or () in a layer without positions, such as a linear
            layer; None for the middle.
        direction: pairs of a channel and its share, which is the component of the direction along the channel; or the
            shares of all channels as a tensor, an array or a list (channels,), which becomes such pairs. The direction
            is scaled to length 1.
        weight: the weight of the objective, see `Objective.weight`.

    Raises:
        ValueError: when there is no such kind, channel, head or position; the direction is zero, or is given as a
            tensor, an array or a list that does not have one number for each channel; or `weight` or a share is not
            finite or too large.

    Example:
        >>> from das_core import FeatureObjective, load_starter
        >>> objective = FeatureObjective.from_layer(load_starter(), "blocks.3", kind="channel", index=17)
        >>> objective.name, objective.layer.describe()
        ('blocks.3 channel 17', '80 channels, 14 x 14')
    """

    judge: ActivationJudge
    kind: Kind = "layer"
    index: int = 0
    position: tuple[int, ...] | None = None
    direction: tuple[tuple[int, float], ...] = ()
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", _read_direction(self.direction, self.layer))
        check_choice("kind", self.kind, get_args(Kind))
        check_weight(self.weight, "the objective")
        if self.kind in ("channel", "neuron"):
            _check_index(self.index, self.layer.channels, "channel", self.layer)
        if self.kind == "head":
            _check_index(self.index, self.layer.heads, "head", self.layer)
        if self.kind == "neuron":
            self._check_position()
        if self.kind == "direction":
            for channel, share in self.direction:
                _check_index(channel, self.layer.channels, "channel", self.layer)
                check_weight(share, f"channel {channel}")
            if not any(share for _, share in self.direction):
                raise ValueError("a direction needs a channel that counts; write one a line, such as '12: 0.5'")

    @classmethod
    def from_layer(
        cls,
        model: Judge,
        layer: str,
        kind: Kind = "layer",
        index: int = 0,
        position: tuple[int, ...] | None = None,
        direction: tuple[tuple[int, float], ...] = (),
        weight: float = 1.0,
    ) -> "FeatureObjective":
        """Return the objective of a part of a layer, found by the layer's name.

        Args:
            model: the judge whose layer is captured.
            layer: the name of the layer in the model (`find_layers` lists them); for a head, the name of the attention
                module.
            kind: the part of the layer, see `FeatureObjective`.
            index: the number of the channel or head, from 0.
            position: where a neuron is; None for the middle.
            direction: pairs of a channel and its share, see `FeatureObjective`.
            weight: the weight of the objective, see `Objective.weight`.

        Raises:
            ValueError: when the model is an ensemble; there is no such kind or layer (the message lists the nearest
                names); the layer has no such part (the message gives the range); the direction is zero; or a weight is
                not finite or too large.
        """
        known = find_layers(model)
        if kind == "head":
            heads = [found for found in known if found.heads]
            if not heads:
                raise ValueError(
                    f"{model.name} has no attention heads that can be told apart; choose 'channel' or 'layer'"
                )
            found = find_layer(heads, layer.strip().removesuffix(HEADS) + HEADS if layer.strip() else "", model.name)
        else:
            found = find_layer(known, layer, model.name)
        return cls(make_activation_judge(model, [found]), kind, index, position, direction, weight)

    @property
    def layer(self) -> Layer:
        """The layer of the judge whose activations are scored."""
        return self.judge.layers[0]

    @property
    def name(self) -> str:
        """The name of the layer and the part of it, such as 'blocks.3 channel 17'."""
        place = "" if self.position is None else f" at {', '.join(map(str, self.position))}"
        parts = {
            "layer": "",
            "channel": f" channel {self.index}",
            "neuron": f" channel {self.index}{place}",
            "direction": " direction",
            "head": f" head {self.index}",
        }
        return self.layer.name.removesuffix(HEADS) + parts[self.kind]

    def score(self, output: Activations) -> Tensor:
        """Return for every view the activation of the part of the layer that `kind` names, such as a channel.

        Args:
            output: the activations of V views.

        Returns:
            Scores (V,), in the units of the activations; for `layer` and `head`, in the square of these units.
        """
        features = output[self.layer.name]
        if self.kind == "layer":
            return features.square().flatten(1).mean(dim=1)
        if self.kind == "head":
            return features.unflatten(1, (self.layer.heads, -1))[:, self.index].square().flatten(1).mean(dim=1)
        if self.kind == "direction":
            channels, shares = zip(*self.direction, strict=True)
            direction = make_constant(shares, features.dtype, features.device)
            chosen = features[:, make_constant(channels, torch.int64, features.device)]
            chosen = chosen.flatten(2) if features.ndim > 2 else chosen[:, :, None]
            return (direction / direction.norm()) @ chosen.mean(dim=2).T
        channel = features[:, self.index]
        if self.kind == "neuron":
            index: tuple[int | slice, ...] = (slice(None), *self._resolve_position())
            return channel[index]
        return channel.flatten(1).mean(dim=1) if channel.ndim > 1 else channel

    def _resolve_position(self) -> tuple[int, ...]:
        """Return the position of the neuron in the layer, such as (row, column); the middle if none is given."""
        return tuple(side // 2 for side in self.layer.positions) if self.position is None else self.position

    def _check_position(self) -> None:
        """Raise a ValueError when the position is not in the layer; the message gives the valid positions."""
        sides, position = self.layer.positions, self._resolve_position()
        if len(position) != len(sides) or any(not 0 <= at < side for at, side in zip(position, sides, strict=True)):
            written = ", ".join(map(str, position))
            form = {0: "it has one place only, leave the position empty", 1: "write a token from 0 to {}"}
            hint = form.get(len(sides), "write a row from 0 to {} and a column from 0 to {}, such as '3, 5'")
            raise ValueError(
                f"position '{written}' is not in layer {self.layer.name} ({self.layer.describe()}); "
                + hint.format(*(side - 1 for side in sides))
            )


def _read_direction(direction: Any, layer: Layer) -> tuple[tuple[int, float], ...]:
    """Return a direction in the space of the channels as pairs of a channel and its share.

    Channels are numbered from 0. The share of a channel is the component of the direction along it.

    Args:
        direction: such pairs, which are returned unchanged; or the shares of all channels of the layer as a tensor, an
            array or a list (channels,).
        layer: the layer; it gives the number of channels.

    Raises:
        ValueError: when a tensor, an array or a list does not have one share for each channel.
    """
    if isinstance(direction, list | tuple) and direction and all(isinstance(share, int | float) for share in direction):
        direction = np.array(direction, dtype=float)
    if isinstance(direction, Tensor | np.ndarray):
        if tuple(direction.shape) != (layer.channels,):
            raise ValueError(
                f"a direction of shape {tuple(direction.shape)} does not go with layer {layer.name}, which has "
                f"{layer.channels} channels: give one number for each, ({layer.channels},)"
            )
        return tuple((channel, float(share)) for channel, share in enumerate(direction.tolist()))
    return tuple(direction)


def _check_index(index: Any, count: int, what: str, layer: Layer) -> None:
    """Raise a ValueError unless `index` is a whole number from 0 to `count` - 1; messages call it `what`."""
    if isinstance(index, str | float):
        raise ValueError(f"{what} {shorten(index)} is no whole number; write it without quotes or a point")
    if not 0 <= index < count:
        raise ValueError(f"{what} {index} is out of range; layer {layer.name} has {what}s 0 to {count - 1}")
