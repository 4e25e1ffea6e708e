"""The forms of the operator of a stack, by the names that users choose."""

from typing import Any, Literal

import torch

from ..common.cache import cached
from ..common.geometry import Shape
from .bands import Band
from .film_operator import FilmOperator
from .linear_operator import StackOperator
from .matrix_operators import ExactOperator, LevelsOperator
from .parametrizations import OPERATORS, TENSOR_OPERATORS, Parametrization
from .spectral_operator import SpectralOperator
from .time import Time

OperatorForm = Literal["spectral", "exact", "layers"]
"""The name of a form of the operator; the module docstring of `linear_operator` describes the three forms.

`layers` keeps the levels as tensors. The name comes from imstack (Whitaker, 2021) and has nothing to do with the layers
of a model.
"""

FORMS: dict[OperatorForm, type[StackOperator[Any]]] = {
    "spectral": SpectralOperator,
    "exact": ExactOperator,
    "layers": LevelsOperator,
}
"""The class of each form of the operator, for the parametrisation `pyramid`."""


def find_operator(method: OperatorForm, parametrization: Parametrization) -> type[StackOperator[Any]]:
    """Return the class of an operator.

    Args:
        method: the form of the operator.
        parametrization: what ascents move.

    Raises:
        KeyError: when there is no such class. `StackSpec` refuses this with a message.
    """
    if parametrization == "pyramid":
        return FORMS[method]
    return (TENSOR_OPERATORS if method == "layers" else OPERATORS)[parametrization]


@cached(maxsize=4)
def make_operator(
    method: OperatorForm,
    canvas: Shape,
    levels: tuple[int, ...],
    gains: tuple[float, ...],
    device: torch.device,
    tile: bool = False,
    frozen: tuple[Band, ...] = (),
    parametrization: Parametrization = "pyramid",
    time: Time | None = None,
) -> StackOperator[Any]:
    """Return the operator of a stack. The four operators that were used last are cached.

    Args:
        method: the form of the operator.
        canvas: height and width of the canvas in pixels, margins included.
        levels: resolutions along the long side of the canvas, coarse to fine.
        gains: the factor of every level in the sum.
        device: the device of canvases and gradients.
        tile: whether opposite edges of the canvas meet.
        frozen: bands of resolutions that K does not move.
        parametrization: what ascents move. For any other than `pyramid`, the forms `spectral` and `exact` are the same.
        time: the time axis of a film, for any form but `layers`; None if the stack is no film.

    Raises:
        KeyError: when there is no such form or parametrisation, or `maco` has the form `layers`. `StackSpec` refuses
            these with a message.

    Example:
        >>> import torch
        >>> from das_core.stack import make_operator
        >>> operator = make_operator("exact", (24, 32), (1, 8, 32), (1.0, 1.0, 0.5), torch.device("cpu"))
        >>> type(operator).__name__
        'ExactOperator'
        >>> operator.precondition(torch.ones(1, 3, 24, 32)).shape
        torch.Size([1, 3, 24, 32])
    """
    operator = find_operator(method, parametrization)(canvas, levels, gains, device, tile, frozen)
    return operator if time is None else FilmOperator(operator, time)
