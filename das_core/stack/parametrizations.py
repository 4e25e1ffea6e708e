"""Parametrisations other than levels: an ascent can move pixels, Fourier coefficients, or what users define.

They are those of Simonyan et al. (arXiv 1312.6034) and of lucid (Olah et al., 2017).
"""

import inspect
from typing import Literal

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.choices import check_choice
from ..common.devices import send_to_device
from ..common.geometry import Shape
from ..common.seeding import make_generator
from .bands import Band
from .bases import FourierBasis
from .levels_operator import LevelsOperator
from .linear_operator import Parametrization, StackOperator
from .spectral_operator import SpectralOperator
from .time import FilmOperator, Time

OperatorForm = Literal["spectral", "layers"]  # See `linear_operator`; the name `layers` is that of imstack.
ParametrizationName = Literal["pyramid", "pixels", "fourier"]  # What an ascent moves; `pyramid`: the levels.


class PixelsOperator(Parametrization):
    """The operator of an ascent that moves each pixel of the canvas by itself: K is the identity."""

    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient (B, 3, H, W)."""
        return (gradient,)

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change (B, 3, H, W) of the pixels."""
        return tensors[0]


class FourierOperator(Parametrization):
    """The operator of an ascent that moves Fourier coefficients, (B, 3, H, W // 2 + 1, 2), times 1 / frequency."""

    basis: FourierBasis
    always_periodic = True

    def prepare(self) -> None:
        """Make the factors of coefficients."""
        # All coefficients but these also stand for their complex conjugates.
        width = self.canvas[1]
        twice = torch.full((width // 2 + 1,), 2.0, dtype=torch.float32)
        twice[[0] if width % 2 else [0, -1]] = 1
        scale = compute_fourier_scale(self.canvas)
        factors = (scale / twice.sqrt(), scale * twice.sqrt())
        self._forward, self._adjoint = (factor.to(self.device)[..., None] for factor in factors)

    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient with respect to the coefficients, given the gradient at the canvas (B, 3, H, W)."""
        coefficients = torch.view_as_real(self.basis.forward(gradient))
        return (coefficients * self._adjoint,)

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change of the canvas that the coefficients stand for, (B, 3, H, W)."""
        scaled = (tensors[0] * self._forward).contiguous()
        return self.basis.inverse(torch.view_as_complex(scaled))


# The operator class of every parametrisation; the form `layers` of levels is `LevelsOperator`.
OPERATORS: dict[str, type[StackOperator]] = {
    "pyramid": SpectralOperator,
    "pixels": PixelsOperator,
    "fourier": FourierOperator,
}


def find_operator(parametrization: ParametrizationName | type[Parametrization]) -> type[StackOperator]:
    """Return the operator class of a parametrisation that is given by its name, or as that class."""
    if isinstance(parametrization, type) and issubclass(parametrization, Parametrization):
        if inspect.isabstract(parametrization):
            left = ", ".join(sorted(parametrization.__abstractmethods__))
            raise ValueError(f"parametrization {parametrization.__name__} lacks {left}; define both")
        return parametrization
    check_choice("parametrization", parametrization, [*OPERATORS, "or a class that inherits Parametrization"])
    return OPERATORS[parametrization]


def check_transpose(operator: Parametrization) -> None:
    """Raise a ValueError unless the two maps of a parametrisation are transposes of each other, tried on noise."""
    name = type(operator).__name__
    noise = torch.randn(2, 3, *operator.canvas, dtype=torch.float32, generator=make_generator(0))
    gradient = send_to_device(noise, operator.device)
    moving = operator.adjoint(gradient.clone())
    if not isinstance(moving, tuple) or not all(
        isinstance(one, Tensor) and one.dtype is torch.float32 and one.shape[:1] == (2,) for one in moving
    ):
        raise ValueError(f"{name}.adjoint has to return a tuple of float32 tensors with a row for each of the images")
    change = operator.forward(moving)
    if not isinstance(change, Tensor) or change.dtype is not torch.float32 or change.shape != gradient.shape:
        raise ValueError(f"{name}.forward has to return a float32 tensor {tuple(gradient.shape)}, like the gradient")
    # <F F'g, g> is |F'g|^2 if the one is the transpose of the other.
    wanted, found = sum(float(one.square().sum()) for one in moving), float((change * gradient).sum())
    if not abs(found - wanted) <= 1e-3 * wanted:
        raise ValueError(
            f"{name}.adjoint is not the transpose of {name}.forward: for noise g, the product of g and forward(adjoint("
            f"g)) is {found:.4g}, and the square of adjoint(g) {wanted:.4g}; often one lacks a factor of the other"
        )


@cached(maxsize=4)
def make_operator(
    method: OperatorForm,
    canvas: Shape,
    levels: tuple[int, ...],
    device: torch.device,
    tile: bool = False,
    frozen: tuple[Band, ...] = (),
    parametrization: ParametrizationName | type[Parametrization] = "pyramid",
    time: Time | None = None,
) -> StackOperator:
    """Return the operator of a stack. The four operators that were used last are cached."""
    exact = method == "layers" and parametrization == "pyramid"
    kind = LevelsOperator if exact else find_operator(parametrization)
    operator = kind(canvas, levels, device, tile, frozen)
    if isinstance(operator, Parametrization) and kind not in (LevelsOperator, *OPERATORS.values()):
        check_transpose(operator)
    return operator if time is None else FilmOperator(operator, time)


def compute_fourier_scale(canvas: Shape) -> Tensor:
    """Return the factors by which lucid multiplies the Fourier coefficients of a picture."""
    height, width = canvas
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float32), torch.fft.rfftfreq(width, dtype=torch.float32)
    frequency = torch.hypot(rows[:, None], columns[None, :])
    return 1 / (4 * frequency.clamp(min=1 / max(canvas)))
