"""The objective that activates a part of a judge, such as a channel (Olah et al., Feature Visualization, 2017)."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.devices import make_constant
from ..common.text import shorten
from ..common.weighted_lines import check_weight, parse_weighted_lines
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.heads import HEADS
from ..models.layers.layer import Layer, find_layer, find_layers
from .objective import Objective, make_objective, question

Direction = Tensor | np.ndarray[Any, Any] | Sequence[float] | Sequence[tuple[int, float]]
Kind = Literal["layer", "channel", "neuron", "direction", "head"]


@question
def feature(
    judge: Judge,
    layer: str,
    kind: Kind = "layer",
    index: int = 0,
    position: tuple[int, ...] | None = None,
    direction: Direction = (),
) -> Objective:
    """Ask for a part of a layer that is active; `channel` and its like are shorter.

    Args:
        layer: the name of the layer in the model (`find_layers` lists them); for a head, of the attention module.
        kind: `layer`: the mean square of all activations. `channel`: the mean of a channel over all positions.
            `neuron`: a channel at one position. `direction`: the projection on a direction in the space of the
            channels, at one position or averaged over all. `head`: the mean square of an attention head.
        index: the number of the channel (`channel`, `neuron`) or of the head (`head`), from 0.
        position: of a neuron or a direction: (token,) or (row, column), or () in a layer without positions. None for a
            neuron in the middle, and for a direction at all positions.
        direction: pairs of a channel and its share, or the shares of all channels, (channels,); scaled to length 1.

    Example:
        >>> import direct_ascent as da
        >>> da.feature("blocks.3", "channel", 17).on(da.load_starter()).name
        'blocks.3 channel 17'
    """
    check_choice("kind", kind, get_args(Kind))
    known = find_layers(judge)
    if kind == "head":
        known = tuple(found for found in known if found.heads)
        if not known:
            raise ValueError(f"{judge.name} has no attention heads that can be told apart; choose 'channel' or 'layer'")
        layer = layer.strip().removesuffix(HEADS) + HEADS if layer.strip() else ""
    found = find_layer(known, layer, judge.name)
    score = FeatureScore(found, kind, index, read_position(position, kind), _read_direction(direction, found))
    return make_objective(score.name, [(make_activation_judge(judge, [found]), score)])


@dataclass(frozen=True)
class FeatureScore:
    """How strongly a part of one layer is activated; the fields are arguments of `feature`."""

    layer: Layer
    kind: Kind = "layer"
    index: int = 0
    position: tuple[int, ...] | None = None
    direction: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if self.kind in ("channel", "neuron"):
            _check_index(self.index, self.layer.channels, "channel", self.layer)
        if self.kind == "head":
            _check_index(self.index, self.layer.heads, "head", self.layer)
        if self.kind == "neuron" or self.position is not None:
            check_position(self.layer, self.position)
        if self.kind == "direction":
            for channel, share in self.direction:
                _check_index(channel, self.layer.channels, "channel", self.layer)
                check_weight(share, f"channel {channel}")
            if not any(share for _, share in self.direction):
                raise ValueError("a direction needs a channel that counts; write one a line, such as '12: 0.5'")

    @property
    def name(self) -> str:
        """The name of the layer and the part of it, such as 'blocks.3 channel 17'."""
        place = format_place(self.position)
        if self.kind == "head":
            return f"{self.layer.name.removesuffix(HEADS)} head {self.index}"
        parts = {"layer": "", "direction": f" direction{place}"}
        return self.layer.name + parts.get(self.kind, f" channel {self.index}{place}")

    def __call__(self, output: Activations, images: Tensor) -> Tensor:
        """Return the score of every view, (V,), in the units of the activations; for a layer or head, their square."""
        features = output[self.layer.name]
        if self.kind == "layer":
            return features.square().flatten(1).mean(dim=1)
        if self.kind == "head":
            return features.unflatten(1, (self.layer.heads, -1))[:, self.index].square().flatten(1).mean(dim=1)
        if self.kind == "direction":
            channels, shares = zip(*self.direction, strict=True)
            direction = make_constant(shares, features.dtype, features.device)
            chosen = features[:, make_constant(channels, torch.int64, features.device)]
            return (direction / direction.norm()) @ self._reduce(chosen).T
        return self._reduce(features[:, self.index : self.index + 1])[:, 0]

    def _reduce(self, features: Tensor) -> Tensor:
        """Return features (V, N, *positions) as (V, N): those at the position of the neuron or direction, or means."""
        position = _choose_position(self.layer, self.position) if self.kind == "neuron" else self.position
        return reduce_positions(features, position)


def reduce_positions(features: Tensor, position: tuple[int, ...] | None) -> Tensor:
    """Return features (V, N, *positions) as (V, N): those at a position, or, if it is None, their means over all."""
    if position is not None:
        index: tuple[int | slice, ...] = (slice(None), slice(None), *position)
        return features[index]
    return features.flatten(2).mean(dim=2) if features.ndim > 2 else features


def format_place(position: tuple[int, ...] | None) -> str:
    """Return where a part is asked for, such as ' at 3, 5'; an empty text for no position."""
    return "" if position is None else f" at {', '.join(map(str, position))}"


def _choose_position(layer: Layer, position: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return a position in a layer, such as (row, column); the middle if none is given."""
    return tuple(side // 2 for side in layer.positions) if position is None else position


def check_position(layer: Layer, position: tuple[int, ...] | None) -> None:
    """Raise a ValueError when a position is not in a layer; the message gives the valid positions."""
    sides, position = layer.positions, _choose_position(layer, position)
    if len(position) != len(sides) or any(not 0 <= at < side for at, side in zip(position, sides, strict=True)):
        written = ", ".join(map(str, position))
        form = {0: "it has one place only, leave the position empty", 1: "write a token from 0 to {}"}
        hint = form.get(len(sides), "write a row from 0 to {} and a column from 0 to {}, such as '3, 5'")
        raise ValueError(
            f"position '{written}' is not in layer {layer.name} ({layer.describe()}); "
            + hint.format(*(side - 1 for side in sides))
        )


def read_position(position: Any, kind: str) -> tuple[int, ...] | None:
    """Return a position as whole numbers; raise a ValueError when it holds others, or the kind has no position."""
    if position is None:
        return None
    if kind not in ("neuron", "direction", "latent"):
        raise ValueError(f"position {shorten(position)} is not for kind '{kind}'; leave it out, or choose 'neuron'")
    try:
        return tuple(operator.index(place) for place in position)
    except TypeError as error:
        raise ValueError(
            f"position {shorten(position)} is no tuple of whole numbers; write (token,) or (row, column)"
        ) from error


def _read_direction(direction: Any, layer: Layer) -> tuple[tuple[int, float], ...]:
    try:
        listed = direction.tolist() if isinstance(direction, Tensor | np.ndarray) else list(direction)
        if all(isinstance(share, tuple | list) and len(share) == 2 for share in listed):
            return tuple((operator.index(channel), float(share)) for channel, share in listed)
        shares = np.array(listed, dtype=float)
    except (TypeError, ValueError):
        shares = np.empty(0)
    if shares.shape != (layer.channels,):
        shape = f" of shape {tuple(direction.shape)}" if hasattr(direction, "shape") else ""
        raise ValueError(
            f"direction {shorten(direction)}{shape} is neither a number for each of the {layer.channels} channels of "
            f"layer {layer.name}, as a tensor, an array or a list, nor pairs such as [(12, 0.5), (40, -1)]"
        )
    return tuple(enumerate(shares.tolist()))


def _check_index(index: Any, count: int, what: str, layer: Layer) -> None:
    """Raise a ValueError unless `index` is a whole number from 0 to `count` - 1; messages call it `what`."""
    if not hasattr(index, "__index__"):
        raise ValueError(f"{what} {shorten(index)} is no whole number; write it without quotes or a point")
    if not 0 <= index < count:
        raise ValueError(f"{what} {index} is out of range; layer {layer.name} has {what}s 0 to {count - 1}")


def parse_position(text: str) -> tuple[int, ...] | None:
    """Read a position: '0' is a token, '3, 5' or '3 5' a row and a column, and nothing the middle (None)."""
    parts = re.split(r"[\s,]+", text.strip()) if text.strip() else []
    if not parts:
        return None
    if not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
        raise ValueError(
            f"position '{shorten(text, 40)}' is not one or two whole numbers; write a token, such as '0', a row and a "
            "column, such as '3, 5', or leave it empty"
        )
    return tuple(map(int, parts))


def parse_direction(text: str, what: str = "channel") -> tuple[tuple[int, float], ...]:
    """Read pairs of a channel and its share from lines 'channel: share' (1 without one); equal channels add up.
    Messages call a channel `what`."""
    shares: dict[int, float] = {}
    for name, share in parse_weighted_lines(text, "12: 0.5"):
        if not re.fullmatch(r"-?\d{1,9}", name):
            raise ValueError(f"{what} '{shorten(name, 40)}' is not a whole number; write '12' or '12: 0.5'")
        shares[int(name)] = shares.get(int(name), 0.0) + share
    return tuple(shares.items())
