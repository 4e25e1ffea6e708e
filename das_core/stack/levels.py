"""The resolutions of levels, and the matrices A and B by which bicubic interpolation enlarges a level X, A X B'."""

from collections.abc import Iterable

import torch
from torch import Tensor

from ..common.geometry import Shape
from ..common.interruption import pausing
from ..common.scalars import as_list, check_number

KEYS_SHARPNESS = -0.75  # The parameter of the bicubic kernel (Keys, 1981), as in PyTorch without antialiasing.
_MOST_AT_ONCE = 2**21  # How many entries of a matrix are computed at once in float64: 16 MiB.


def linear_levels(longest: int, step: int, first: int = 1) -> tuple[int, ...]:
    """Return every `step`-th resolution from `first` to the long side of the canvas."""
    check_number("step", step, 1, longest, "try 4", whole=True)
    check_number("the first level", first, 1, longest, "try 4", whole=True)
    return tuple(range(first, longest + 1, step))


def default_levels(canvas: Shape) -> tuple[int, ...]:
    """Return the levels of a stack for which none are given: the multiples of 4 up to the long side of the canvas."""
    # A level of one sample would move the whole canvas at once, which gives every picture a colour cast.
    return linear_levels(max(canvas), 4, first=4)


def check_levels(levels: Iterable[int], longest: int) -> list[int]:
    """Return levels as a list of ints in the given order, or raise an error when a canvas cannot have them."""
    given = as_list("levels", levels, "(1, 4, 16, 64)")
    if not given:
        raise ValueError("the list of levels is empty; give at least one resolution, such as (1, 4, 16, 64)")
    usual = "take it out, or make the canvas, margins included, larger"
    return [check_number("level", level, 1, longest, usual, whole=True) for level in given]


def level_shape(level: int, canvas: Shape) -> Shape:
    """Return height and width of a level in samples: `level` along the long side of the canvas, at least 1."""
    height, width = canvas
    longest = max(height, width)
    return max(1, round(level * height / longest)), max(1, round(level * width / longest))


def bicubic_taps(source: int, target: int, tile: bool = False) -> tuple[Tensor, Tensor]:
    """Return the samples that bicubic interpolation uses along one axis, and their weights."""
    position = (torch.arange(target, dtype=torch.float64) + 0.5) * (source / target) - 0.5
    first = position.floor()
    offset = (position - first)[:, None]
    distance = torch.cat([offset + 1, offset, 1 - offset, 2 - offset], dim=1)
    a = KEYS_SHARPNESS
    near = ((a + 2) * distance - (a + 3)) * distance.square() + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    samples = first[:, None].long() + torch.arange(-1, 3)
    samples = samples.remainder_(source) if tile else samples.clamp_(0, source - 1)
    return samples, torch.where(distance <= 1, near, far)


def bicubic_matrix(source: int, target: int, tile: bool = False, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return bicubic interpolation along one axis as a matrix (target, source), computed in float64 in parts."""
    rows = max(1, _MOST_AT_ONCE // source)
    matrix = torch.empty(target, source, dtype=dtype)
    parts = (each.split(rows) for each in (matrix, *bicubic_taps(source, target, tile)))
    for into, samples, weights in pausing(zip(*parts, strict=True)):
        into.copy_(bicubic_columns(samples, weights, 0, source))
    return matrix


def bicubic_columns(samples: Tensor, weights: Tensor, begin: int, end: int) -> Tensor:
    """Return some columns of `bicubic_matrix`: the weights of some source samples in all interpolated samples."""
    weights = weights.where((samples >= begin) & (samples < end), 0)
    samples = samples.clamp(begin, end - 1) - begin
    return torch.zeros(len(samples), end - begin, dtype=torch.float64).scatter_add_(1, samples, weights)
