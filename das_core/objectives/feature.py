"""See what a part of a model reacts to: a channel, a neuron, a direction, a head, or all of a layer.

Feature visualisation by optimisation (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017) and, for
all of a layer, DeepDream (Mordvintsev, Olah and Tyka, 2015).
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from ..common.choices import check_choice
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.judge import Judge
from ..models.layers.activations import ActivationJudge, Activations, capture_layers
from ..models.layers.heads import HEADS
from ..models.layers.layer import Layer, find_layer, find_layers
from .base import BaseObjective

Kind = Literal["layer", "channel", "neuron", "direction", "head"]


@dataclass(frozen=True)
class FeatureObjective(BaseObjective):
    """How strongly a part of one watched layer reacts to a view, in the layer's own units.

    `layer`: the mean square of all it says, so that whatever it sees already becomes more. `channel`: the mean of one
    channel over all positions. `neuron`: one channel at one position, the middle if None. `direction`: the mean over
    all positions of the features along a direction, made of `channels` and their shares, of length 1. `head`: the mean
    square of one attention head. `index` is that of the channel or head, `position` (token,) or (row, column).
    """

    judge: ActivationJudge
    kind: Kind = "layer"
    index: int = 0
    position: tuple[int, ...] | None = None
    direction: tuple[tuple[int, float], ...] = ()
    weight: float = 1.0

    def __post_init__(self) -> None:
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
            model: the judge to look into.
            layer: the layer's name in the model; for a head that of the attention module.
            kind: which part of the layer, see `FeatureObjective`.
            index: the channel or head.
            position: the place of a neuron; None for the middle.
            direction: channels and their shares.
            weight: how much the score counts.

        Raises:
            ValueError: there is no such layer (the nearest names are told) or no such part of it (the range is told).
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
        return cls(capture_layers(model, [found]), kind, index, position, direction, weight)

    @property
    def layer(self) -> Layer:
        """The layer that is watched."""
        return self.judge.layers[0]

    @property
    def name(self) -> str:
        """Layer and part."""
        part = {"layer": "", "direction": " direction", "head": f" head {self.index}"}
        where = "" if self.position is None else f" at {', '.join(map(str, self.position))}"
        return self.layer.name.removesuffix(HEADS) + part.get(self.kind, f" channel {self.index}{where}")

    def score(self, output: Activations) -> Tensor:
        """The reaction (V,) to every view."""
        features = output[self.layer.name]
        if self.kind == "layer":
            return features.square().flatten(1).mean(dim=1)
        if self.kind == "head":
            return features.unflatten(1, (self.layer.heads, -1))[:, self.index].square().flatten(1).mean(dim=1)
        if self.kind == "direction":
            channels, shares = zip(*self.direction, strict=True)
            along = features.new_tensor(shares)
            places = features[:, list(channels)].flatten(2) if features.ndim > 2 else features[:, list(channels), None]
            return (along / along.norm()) @ places.mean(dim=2).T
        channel = features[:, self.index]
        if self.kind == "neuron":
            place: tuple[int | slice, ...] = (slice(None), *self._place())
            return channel[place]
        return channel.flatten(1).mean(dim=1) if channel.ndim > 1 else channel

    def _place(self) -> tuple[int, ...]:
        return tuple(side // 2 for side in self.layer.positions) if self.position is None else self.position

    def _check_position(self) -> None:
        sides, place = self.layer.positions, self._place()
        if len(place) != len(sides) or any(not 0 <= at < side for at, side in zip(place, sides, strict=True)):
            asked = ", ".join(map(str, place))
            form = {0: "it has one place only, leave the position empty", 1: "write a token from 0 to {}"}
            told = form.get(len(sides), "write a row from 0 to {} and a column from 0 to {}, such as '3, 5'")
            raise ValueError(
                f"position '{asked}' is not in layer {self.layer.name} ({self.layer.describe()}); "
                + told.format(*(side - 1 for side in sides))
            )


def parse_position(text: str) -> tuple[int, ...] | None:
    """A position from text: nothing (the middle), a token ('0'), or row and column ('3, 5')."""
    parts = re.split(r"[\s,]+", text.strip()) if text.strip() else []
    if not parts:
        return None
    if not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
        raise ValueError(
            f"position '{text.strip()[:40]}' is not one or two whole numbers; write a token, such as '0', a row and a "
            "column, such as '3, 5', or nothing for the middle"
        )
    return tuple(map(int, parts))


def parse_direction(text: str) -> tuple[tuple[int, float], ...]:
    """Channels and their shares from text: a channel a line, then optionally ': share'; named twice, shares add up."""
    shares: dict[int, float] = {}
    for name, share in parse_weighted_lines(text, "12: 0.5"):
        if not re.fullmatch(r"-?\d{1,9}", name):
            raise ValueError(f"channel '{name[:40]}' is not a whole number; write '12' or '12: 0.5'")
        shares[int(name)] = shares.get(int(name), 0.0) + share
    return tuple(shares.items())


def _check_index(index: int, count: int, what: str, layer: Layer) -> None:
    if not 0 <= index < count:
        raise ValueError(f"{what} {index} is out of range; layer {layer.name} has {what}s 0 to {count - 1}")
