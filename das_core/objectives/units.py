"""The parts of a model by name: short forms of `feature` and `latent`, and one part for each image of a batch."""

from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from torch import Tensor

from ..common.scalars import as_list
from ..models.dictionary import Dictionary
from .feature import Direction, feature
from .latent import latent, open_dictionary
from .objective import Objective
from .per_image import one_per_image


def layer(name: str) -> Objective:
    """Ask for a whole layer by its `name` (`find_layers` lists them): what it responds to grows, as in DeepDream."""
    return feature(name)


def channel(name: str, index: int) -> Objective:
    """Ask for channel `index`, from 0, of the layer `name`, at all positions."""
    return feature(name, "channel", index)


def channels(name: str, indices: Iterable[int]) -> Objective:
    """Ask for the channels `indices` of the layer `name`, one for each image: `range(8)` makes eight at once."""
    return _each(partial(channel, name), "channel", indices)


def neuron(name: str, index: int, position: tuple[int, ...] | None = None) -> Objective:
    """Ask for channel `index` of the layer `name` at a `position`: (row, column), (token,), or the middle if None."""
    return feature(name, "neuron", index, position)


def head(name: str, index: int) -> Objective:
    """Ask for head `index` of the attention module `name`, before its last projection mixes the heads."""
    return feature(name, "head", index)


def heads(name: str, indices: Iterable[int]) -> Objective:
    """Ask for the heads `indices` of the attention module `name`, one for each image, see `head`."""
    return _each(partial(head, name), "head", indices)


def direction(name: str, vector: Direction, position: tuple[int, ...] | None = None) -> Objective:
    """Ask for a direction in the space of the channels of the layer `name`, at a `position`, or at all if None.

    The `vector` is a number for each channel, as a tensor, an array or a list; or pairs of a channel and a number.
    """
    return feature(name, "direction", position=position, direction=vector)


def directions(
    name: str, vectors: Tensor | np.ndarray[Any, Any] | Iterable[Direction], position: tuple[int, ...] | None = None
) -> Objective:
    """Ask for directions in the layer `name`, one for each image: `vectors` (N, channels), or a list of what
    `direction` takes, all at one `position`, or at all if None."""
    return _each(partial(direction, name, position=position), "direction", vectors, "a tensor (N, channels)")


def latents(
    name: str,
    dictionary: Dictionary | str | PathLike[str],
    indices: Iterable[int],
    position: tuple[int, ...] | None = None,
) -> Objective:
    """Ask for the latents `indices` of a `dictionary` in the layer `name`, one for each image, at a `position`, or at
    all if None: `latents("blocks.3", sae, sae.find_neighbours(12))`."""
    opened = open_dictionary(dictionary)
    return _each(lambda index: latent(name, opened, index, position), "latent", indices)


def _each(ask: Callable[[Any], Objective], what: str, given: Any, example: str = "range(8)") -> Objective:
    """Ask for another item of what is `given` in each image; messages call an item `what`."""
    items = as_list(f"{what}s", given, example)
    if not items:
        raise ValueError(f"no {what} is given; give one at least, such as by {example}")
    return one_per_image([ask(one) for one in items])
