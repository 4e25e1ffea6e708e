"""See what a part of a model reacts to: a channel, a neuron, a direction, a head, or all of a layer.

Feature visualisation by optimisation (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017) and, for
all of a layer, DeepDream (Mordvintsev, Olah and Tyka, 2015).
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from ..models.heads import HEADS
from ..models.judge import Judge
from ..models.layers import Layer, found_layer, layers_of
from ..models.watched import Activations, Watched, watched_at
from .lines import check_weight, weighted_lines

Kind = Literal["layer", "channel", "neuron", "direction", "head"]


@dataclass(frozen=True)
class FeatureObjective:
    """How strongly a part of one watched layer reacts to a view, in the layer's own units.

    `layer`: the mean square of all it says, so that whatever it sees already becomes more. `channel`: the mean of one
    channel over all positions. `neuron`: one channel at one position, the middle if None. `direction`: the mean over
    all positions of the features along a direction, made of `channels` and their shares, of length 1. `head`: the mean
    square of one attention head. `index` is that of the channel or head, `position` (token,) or (row, column).
    """

    judge: Watched
    kind: Kind = "layer"
    index: int = 0
    position: tuple[int, ...] | None = None
    direction: tuple[tuple[int, float], ...] = ()
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind '{self.kind}' is unknown; choose one of {', '.join(get_args(Kind))}")
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
                f"position '{asked}' is not in layer {self.layer.name} ({self.layer.described()}); "
                + told.format(*(side - 1 for side in sides))
            )


def feature_objective(
    model: Judge,
    layer: str,
    kind: Kind = "layer",
    index: int = 0,
    position: tuple[int, ...] | None = None,
    direction: tuple[tuple[int, float], ...] = (),
    weight: float = 1.0,
) -> FeatureObjective:
    """An objective for a part of the layer of this name; a head is looked for in an attention module.

    ValueError with the nearest names when there is no such layer, and with the range when there is no such part.
    """
    known = layers_of(model)
    if kind == "head":
        heads = [found for found in known if found.heads]
        if not heads:
            raise ValueError(f"{model.name} has no attention heads that can be told apart; choose 'channel' or 'layer'")
        found = found_layer(heads, layer.strip().removesuffix(HEADS) + HEADS if layer.strip() else "", model.name)
    else:
        found = found_layer(known, layer, model.name)
    return FeatureObjective(watched_at(model, [found]), kind, index, position, direction, weight)


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
    for name, share in weighted_lines(text, "12: 0.5"):
        if not re.fullmatch(r"-?\d{1,9}", name):
            raise ValueError(f"channel '{name[:40]}' is not a whole number; write '12' or '12: 0.5'")
        shares[int(name)] = shares.get(int(name), 0.0) + share
    return tuple(shares.items())


def _check_index(index: int, count: int, what: str, layer: Layer) -> None:
    if not 0 <= index < count:
        raise ValueError(f"{what} {index} is out of range; layer {layer.name} has {what}s 0 to {count - 1}")
