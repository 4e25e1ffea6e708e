"""Where in a photograph the positions of a layer lie."""

import math

import torch
from torch import Tensor

from ..common.images import resize
from ..models.judge import Judge
from ..models.layers.layer import Layer
from .pictures import measure_receptive_field

_LEAST, _MOST = 1 / 7, 1 / 2  # The side of a crop, as a share of that of the photograph.


def find_grid(layer: Layer | None) -> tuple[int, int]:
    """Return the rows and columns of the positions of a layer, which are the last ones: before those of the patches,
    transformers have tokens of other kinds. A layer without positions has one."""
    if layer is None or len(layer.positions) == 2:
        return (layer.positions[0], layer.positions[1]) if layer else (1, 1)
    side = math.isqrt(math.prod(layer.positions))
    return side, side


def list_inner_positions(layer: Layer) -> Tensor:
    """Return the positions of a layer that see no border, where a layer sees padding; all, if there are few."""
    rows, columns = find_grid(layer)
    numbers = torch.arange(rows * columns).reshape(rows, columns) + math.prod(layer.positions) - rows * columns
    return (numbers[1:-1, 1:-1] if min(rows, columns) > 4 else numbers).flatten()


def choose_crop(judge: Judge, layer: Layer | None) -> float:
    """Return the side of crops that show what a position of a layer sees, as a share of that of the photograph."""
    if find_grid(layer) == (1, 1) or layer is None:
        return 1.0
    seen = max(measure_receptive_field(judge, layer)) / judge.size if len(layer.positions) == 2 else 1.0
    return min(max(seen, _LEAST), _MOST)


def cut_crop(photograph: Tensor, layer: Layer | None, position: int, share: float, side: int) -> Tensor:
    """Return the crop (1, 3, side, side) around a position of a layer, of a square photograph (1, 3, S, S), 0..1."""
    (rows, columns), size = find_grid(layer), photograph.shape[-1]
    number = position - (math.prod(layer.positions) if layer else 1) + rows * columns
    length = max(1, round(share * size))
    center = (number // columns + 0.5) / rows, (number % columns + 0.5) / columns
    if number < 0:  # A token of no patch sees all.
        center, length = (0.5, 0.5), size
    top, left = (round(min(max(0, at * size - length / 2), size - length)) for at in center)
    return resize(photograph[:, :, top : top + length, left : left + length], (side, side))
