"""The objective that activates latents of a sparse autoencoder, or directions from a file."""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from torch import Tensor

from ..common.devices import make_constant
from ..common.weighted_lines import check_weight
from ..models.dictionary import Dictionary
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.layer import find_layer, find_layers
from ..models.sources.dictionaries import load_dictionary
from .feature import check_position, format_place, read_position, reduce_positions
from .objective import Objective, make_objective, question

Latents = int | Iterable[int] | Mapping[int, float]


@question
def latent(
    judge: Judge,
    layer: str,
    dictionary: Dictionary | str | PathLike[str],
    which: Latents,
    position: tuple[int, ...] | None = None,
) -> Objective:
    """Ask for latents of a dictionary, such as a sparse autoencoder, that are active in a layer.

    The score is what a latent is before its activation function, as this has no gradient where the latent is not
    active: of several latents, the sum.

    Args:
        layer: the name of the layer that the dictionary was trained on; of a transcoder, of the layer that it reads.
        dictionary: a dictionary with as many channels as the layer, or its file, see `load_dictionary`.
        which: the number of a latent, or several, or a factor for each number.
        position: where, (token,) or (row, column); None for the mean over all positions.

    Raises:
        ValueError: when there is no such layer, latent or position, or the dictionary has other channels.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> colours = da.Dictionary("pairs", torch.eye(80)[:2] + torch.eye(80)[2:4], torch.zeros(2))
        >>> da.latent("blocks.3", colours, 1).on(da.load_starter()).name
        'blocks.3 pairs 1'
    """
    dictionary = open_dictionary(dictionary)
    found = find_layer(known := find_layers(judge), layer, judge.name)
    if found.channels != dictionary.channels:
        fitting = [one.name for one in known if one.channels == dictionary.channels]
        fits = f"those with as many are {', '.join(fitting[:4])}" if fitting else "no layer of it has as many"
        raise ValueError(
            f"{dictionary.name} is for {dictionary.channels} channels, and {found.name} of {judge.name} has "
            f"{found.channels}; {fits}: choose the model and the layer that it was trained on"
        )
    shares = _read_latents(which)
    place = read_position(position, "latent")
    if place is not None:
        check_position(found, place)
    numbers = ", ".join(map(str, shares))
    name = f"{found.name} {dictionary.name} {numbers if len(shares) < 5 else f'{len(shares)} latents'}"
    taken, weights = dictionary.take(list(shares)), tuple(shares.values())

    def score(output: Activations, images: Tensor) -> Tensor:
        values = taken.project(output[found.name].movedim(1, -1)).movedim(-1, 1)
        return reduce_positions(values, place) @ make_constant(weights, values.dtype, values.device)

    return make_objective(name + format_place(place), [(make_activation_judge(judge, [found]), score)])


def open_dictionary(dictionary: Dictionary | str | PathLike[str]) -> Dictionary:
    """Return a dictionary, or that of a file."""
    return dictionary if isinstance(dictionary, Dictionary) else load_dictionary(dictionary)


def _read_latents(latents: Any) -> dict[int, float]:
    """Return the share of each latent."""
    if hasattr(latents, "__index__"):
        return {latents.__index__(): 1.0}
    shares = dict(latents) if isinstance(latents, Mapping) else dict.fromkeys(latents, 1.0)
    if not any(shares.values()):
        raise ValueError("no latent counts; give the number of one at least")
    for latent, share in shares.items():
        check_weight(share, f"latent {latent}")
    return shares
