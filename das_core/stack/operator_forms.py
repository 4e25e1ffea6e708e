"""The forms that the operator of a stack can take, by the names that users choose."""

from typing import Any, Literal

import torch

from ..common.cache import cached
from ..common.geometry import Shape
from .bands import Band
from .linear_operator import StackOperator
from .matrix_operators import ExactOperator, LevelsOperator
from .spectral_operator import SpectralOperator

Method = Literal["spectral", "exact", "layers"]
FORMS: dict[Method, type[StackOperator[Any]]] = {
    "spectral": SpectralOperator,
    "exact": ExactOperator,
    "layers": LevelsOperator,
}


@cached(maxsize=4)
def make_operator(
    method: Method,
    canvas: Shape,
    levels: tuple[int, ...],
    gains: tuple[float, ...],
    device: torch.device,
    tile: bool = False,
    frozen: tuple[Band, ...] = (),
) -> StackOperator[Any]:
    """Return the operator of a stack in the form `method`, built once for each specification and device, then cached.

    The arguments are those of `StackOperator`.
    """
    return FORMS[method](canvas, levels, gains, device, tile, frozen)
