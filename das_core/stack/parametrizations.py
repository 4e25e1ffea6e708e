"""Parametrisations other than levels, to compare with: an ascent can move pixels, Fourier coefficients or phases.

They are those of Simonyan et al. (arXiv 1312.6034), of lucid (Olah et al., 2017) and of MACO (Fel et al., 2023).
"""

from typing import Literal

import torch
from torch import Tensor

from ..common.cache import cached
from ..common.geometry import Shape
from .bands import Band
from .bases import FourierBasis
from .levels_operator import LevelsOperator
from .linear_operator import FactoredOperator, StackOperator
from .spectral_operator import SpectralOperator
from .time import FilmOperator, Time

OperatorForm = Literal["spectral", "layers"]  # See `linear_operator`; the name `layers` is that of imstack.
Parametrization = Literal["pyramid", "pixels", "fourier", "maco"]  # What an ascent moves; `pyramid`: the levels.


class PixelsOperator(FactoredOperator):
    """The operator of an ascent that moves each pixel of the canvas by itself: K is the identity."""

    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return a copy of the gradient (B, 3, H, W), without the frequencies of frozen bands."""
        return (self.remove_frozen(gradient.to(torch.float32, copy=True)),)

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change (B, 3, H, W) of the pixels, without frozen bands."""
        return self.remove_frozen(tensors[0])


class FourierOperator(FactoredOperator):
    """The operator of an ascent that moves Fourier coefficients, (B, 3, H, W // 2 + 1, 2), times 1 / frequency."""

    basis: FourierBasis
    always_periodic = True

    def _prepare(self) -> None:
        # All coefficients but these also stand for their complex conjugates.
        width = self.canvas[1]
        twice = torch.full((width // 2 + 1,), 2.0, dtype=torch.float32)
        twice[[0] if width % 2 else [0, -1]] = 1
        scale = compute_fourier_scale(self.canvas)
        factors = (scale / twice.sqrt(), scale * twice.sqrt())
        self._forward, self._adjoint = (factor.to(self.device)[..., None] for factor in factors)

    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        """Return the gradient with respect to the coefficients, given the gradient at the canvas (B, 3, H, W)."""
        coefficients = torch.view_as_real(self.basis.forward(self.remove_frozen(gradient.float())))
        return (coefficients * self._adjoint,)

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """Return the change of the canvas that the coefficients stand for, (B, 3, H, W), without frozen bands."""
        scaled = (tensors[0] * self._forward).contiguous()
        return self.remove_frozen(self.basis.inverse(torch.view_as_complex(scaled)))


class PhasesOperator(FourierOperator):
    """The operator of MACO: `FourierOperator`, with a `retract` that restores the Fourier magnitudes of the start.

    To first order, moving all coefficients and then restoring their magnitudes is a step along the gradient of phases.
    """

    keeps_magnitudes = True

    def retract(self, canvas: Tensor, start: Tensor) -> Tensor:
        """Return the canvas (B, 3, H, W) with its Fourier magnitudes replaced by those of the start (B, 3, H, W)."""
        now, then = (torch.view_as_real(self.basis.forward(images)) for images in (canvas, start))
        size, wanted = (torch.linalg.vector_norm(values, dim=-1, keepdim=True) for values in (now, then))
        # A coefficient that is 0 has no phase: it is replaced by the coefficient of the start.
        tiny = torch.finfo(size.dtype).tiny
        turned = torch.where(size > tiny, now * (wanted / size.clamp(min=tiny)), then)
        return self.basis.inverse(torch.view_as_complex(turned.contiguous()))


# The operator class of every parametrisation; the form `layers` of levels is `LevelsOperator`.
OPERATORS: dict[str, type[StackOperator]] = {
    "pyramid": SpectralOperator,
    "pixels": PixelsOperator,
    "fourier": FourierOperator,
    "maco": PhasesOperator,
}


@cached(maxsize=4)
def make_operator(
    method: OperatorForm,
    canvas: Shape,
    levels: tuple[int, ...],
    device: torch.device,
    tile: bool = False,
    frozen: tuple[Band, ...] = (),
    parametrization: Parametrization = "pyramid",
    time: Time | None = None,
) -> StackOperator:
    """Return the operator of a stack. The four operators that were used last are cached."""
    exact = method == "layers" and parametrization == "pyramid"
    operator = (LevelsOperator if exact else OPERATORS[parametrization])(canvas, levels, device, tile, frozen)
    return operator if time is None else FilmOperator(operator, time)


def compute_fourier_scale(canvas: Shape) -> Tensor:
    """Return the factors by which lucid multiplies the Fourier coefficients of a picture."""
    height, width = canvas
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float32), torch.fft.rfftfreq(width, dtype=torch.float32)
    frequency = torch.hypot(rows[:, None], columns[None, :])
    return 1 / (4 * frequency.clamp(min=1 / max(canvas)))
