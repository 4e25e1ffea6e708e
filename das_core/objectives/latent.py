"""The objective that activates latents of a sparse autoencoder, or directions from a file."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from ..common.devices import make_constant
from ..common.weighted_lines import check_weight
from ..models.dictionary import Dictionary
from ..models.judge import Judge
from ..models.layers.activations import Activations, make_activation_judge
from ..models.layers.layer import find_layer, find_layers
from .feature import check_position, format_place, read_position, reduce_positions
from .objective import Objective, make_objective

Latents = int | Iterable[int] | Mapping[int, float]


def latent_objective(
    model: Judge,
    layer: str,
    dictionary: Dictionary,
    latents: Latents,
    position: tuple[int, ...] | None = None,
    weight: float = 1.0,
) -> Objective:
    """Return the objective that activates latents of a dictionary, such as a sparse autoencoder, in a layer.

    The score is what a latent is before its activation function, as this has no gradient where the latent is not
    active: of several latents, the sum.

    Args:
        model: the judge whose layer is captured.
        layer: the name of the layer that the dictionary was trained on; of a transcoder, of the layer that it reads.
        dictionary: see `load_dictionary`; it has as many channels as the layer.
        latents: the number of a latent, or several, or a factor for each number.
        position: where, (token,) or (row, column); None for the mean over all positions.
        weight: the weight of the objective, see `Term`.

    Raises:
        ValueError: when there is no such layer, latent or position, or the dictionary has other channels.

    Example:
        >>> import torch
        >>> from das_core import Dictionary, latent_objective, load_starter
        >>> colours = Dictionary("pairs", torch.eye(80)[:2] + torch.eye(80)[2:4], torch.zeros(2))
        >>> latent_objective(load_starter(), "blocks.3", colours, 1).name
        'blocks.3 pairs 1'
    """
    found = find_layer(known := find_layers(model), layer, model.name)
    if found.channels != dictionary.channels:
        fitting = [one.name for one in known if one.channels == dictionary.channels]
        fits = f"those with as many are {', '.join(fitting[:4])}" if fitting else "no layer of it has as many"
        raise ValueError(
            f"{dictionary.name} is for {dictionary.channels} channels, and {found.name} of {model.name} has "
            f"{found.channels}; {fits}: choose the model and the layer that it was trained on"
        )
    shares = _read_latents(latents)
    place = read_position(position, "latent")
    if place is not None:
        check_position(found, place)
    numbers = ", ".join(map(str, shares))
    name = f"{found.name} {dictionary.name} {numbers if len(shares) < 5 else f'{len(shares)} latents'}"
    taken, weights = dictionary.take(list(shares)), tuple(shares.values())

    def score(output: Activations, images: Tensor) -> Tensor:
        values = taken.project(output[found.name].movedim(1, -1)).movedim(-1, 1)
        return reduce_positions(values, place) @ make_constant(weights, values.dtype, values.device)

    return make_objective(name + format_place(place), [(make_activation_judge(model, [found]), score)], weight)


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
