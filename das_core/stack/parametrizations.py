"""Parametrisations other than levels: an ascent can move pixels, Fourier coefficients, or only the phases of these.

Each has an operator K, the preconditioner of the gradient, as the levels have (`linear_operator`). MACO also corrects
the canvas after each step; apart from that the parametrisations differ only in K. So they can be compared with the same
objectives, views, seeds and numbers of steps.

- Pixels: K is the identity, as in the first class visualisations (Simonyan, Vedaldi and Zisserman, 2013, arXiv
  1312.6034).
- Fourier: the picture is the inverse Fourier transform of coefficients times a scale that falls as 1 / frequency, as in
  lucid (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017). K multiplies by the square of the
  scale.
- MACO: the Fourier coefficients keep the magnitudes of the start, and only their phases move (Fel et al., "Unlocking
  Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization", NeurIPS 2023). Here each
  step moves all coefficients and then restores their magnitudes; to first order that is a step along the gradient with
  respect to the phases.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ..common.geometry import Shape
from .linear_operator import StackOperator
from .matrix_operators import LevelsOperator
from .spectral_operator import SpectralOperator
from .state import AccumulatedGradient, LevelTensors

Parametrization = Literal["pyramid", "pixels", "fourier", "maco"]
"""What an ascent moves: `pyramid` stands for the levels of the stack; the others are in this module."""


class PixelsOperator(SpectralOperator):
    """The operator of an ascent that moves each pixel of the canvas by itself: K is the identity.

    The parameters are the accumulated gradient. See `StackOperator` for the arguments; levels and gains are ignored.
    """

    def _compute_response(self) -> Tensor:
        return torch.ones(len(self.basis.row_waves), len(self.basis.column_waves), dtype=torch.float32)

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        """Return the accumulated gradient (B, 3, H, W) without the frequencies of frozen bands."""
        return self.remove_frozen(parameters.gradient)


class PixelTensorsOperator(LevelsOperator):
    """The operator of an ascent that moves pixels with an optimizer such as Adam.

    The parameters are a single level, which is as fine as the canvas. See `StackOperator` for the arguments; levels and
    gains are ignored.
    """

    def _prepare(self) -> None:
        self.levels, self.gains = (max(self.canvas),), (1.0,)
        super()._prepare()

    @classmethod
    def shape_parameters(cls, canvas: Shape, levels: Sequence[int], batch: int) -> list[tuple[int, ...]]:
        """Return the shape of the pixels; see `StackOperator.shape_parameters`."""
        return [(batch, 3, *canvas)]


class FourierOperator(SpectralOperator):
    """The operator of an ascent that moves Fourier coefficients: K multiplies each frequency by its squared scale.

    The scale is that of lucid, see `compute_fourier_scale`. The parameters are the accumulated gradient. The transform
    is periodic, so that opposite edges of the canvas meet, whether the picture is a tile or not.

    See `StackOperator` for the arguments; levels and gains are ignored.
    """

    always_periodic = True

    def _compute_response(self) -> Tensor:
        return compute_fourier_scale(self.canvas).square()


class FourierTensorsOperator(StackOperator[LevelTensors]):
    """The operator of an ascent that moves Fourier coefficients with an optimizer such as Adam, as in lucid.

    The parameters are one tensor (B, 3, H, W // 2 + 1, 2); its last axis holds the real and the imaginary part. Most
    coefficients stand for two of the full transform: themselves and their complex conjugates. `forward` divides the
    coefficients that stand for two by the square root of 2, and multiplies all coefficients by the scale of
    `compute_fourier_scale`. So, if that scale were 1 everywhere, a gradient G, the parameters `adjoint(G)` and the
    change of the canvas `forward(adjoint(G))` would have the same norm.

    See `StackOperator` for the arguments; levels and gains are ignored.
    """

    always_periodic = True

    def _prepare(self) -> None:
        width = self.canvas[1]
        twice = torch.full((width // 2 + 1,), 2.0, dtype=torch.float32)
        twice[0] = 1
        if width % 2 == 0:
            twice[-1] = 1
        scale = compute_fourier_scale(self.canvas)
        # `forward` multiplies the parameters by the first tensor; `adjoint` multiplies the Fourier coefficients of the
        # gradient by the second.
        self._forward, self._adjoint = (
            s.to(self.device)[..., None] for s in (scale / twice.sqrt(), scale * twice.sqrt())
        )

    def adjoint(self, gradient: Tensor) -> LevelTensors:
        """Return the gradient with respect to the coefficients, given the gradient at the canvas (B, 3, H, W)."""
        coefficients = torch.view_as_real(self.basis.forward(self.remove_frozen(gradient.float())))
        return LevelTensors((coefficients * self._adjoint,))

    def forward(self, parameters: LevelTensors) -> Tensor:
        """Return the change of the canvas that the coefficients stand for, (B, 3, H, W), without frozen bands."""
        scaled = (parameters.tensors[0] * self._forward).contiguous()
        return self.remove_frozen(self.basis.inverse(torch.view_as_complex(scaled)))

    def invert(self, change: Tensor) -> LevelTensors:
        """Return the coefficients that stand for a change of the canvas, (B, 3, H, W)."""
        coefficients = torch.view_as_real(self.basis.forward(self.remove_frozen(change)))
        return LevelTensors((coefficients / self._forward,))

    @classmethod
    def shape_parameters(cls, canvas: Shape, levels: Sequence[int], batch: int) -> list[tuple[int, ...]]:
        """Return the shape of the coefficients; see `StackOperator.shape_parameters`."""
        return [(batch, 3, canvas[0], canvas[1] // 2 + 1, 2)]


class PhasesOperator(FourierOperator):
    """The operator of MACO: `FourierOperator`, with a `retract` that restores the Fourier magnitudes of the start.

    See `StackOperator` for the arguments; levels and gains are ignored.
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


OPERATORS: dict[Parametrization, type[StackOperator[AccumulatedGradient]]] = {
    "pixels": PixelsOperator,
    "fourier": FourierOperator,
    "maco": PhasesOperator,
}
"""The operator class of every parametrisation but `pyramid`, for the forms `spectral` and `exact`. The classes of
`pyramid` are in `operator_forms.FORMS`."""

TENSOR_OPERATORS: dict[Parametrization, type[StackOperator[LevelTensors]]] = {
    "pixels": PixelTensorsOperator,
    "fourier": FourierTensorsOperator,
}
"""The operator classes for the form `layers`, which optimizers such as Adam need: the parameters are the pixels or the
Fourier coefficients, as a tensor. `maco` has no such class."""


def compute_fourier_scale(canvas: Shape) -> Tensor:
    """Return the factors by which lucid multiplies the Fourier coefficients of a picture.

    The factor is 1 / (4 max(f, 1 / n)), where f is the frequency in cycles per pixel and n is the long side in pixels.

    Args:
        canvas: height and width of the canvas in pixels.

    Returns:
        A factor for every coefficient, (H, W // 2 + 1), float32, on the CPU.

    Example:
        >>> from das_core.stack.parametrizations import compute_fourier_scale
        >>> compute_fourier_scale((4, 4))
        tensor([[1.0000, 1.0000, 0.5000],
                [1.0000, 0.7071, 0.4472],
                [0.5000, 0.4472, 0.3536],
                [1.0000, 0.7071, 0.4472]])
    """
    height, width = canvas
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float32), torch.fft.rfftfreq(width, dtype=torch.float32)
    frequency = torch.hypot(rows[:, None], columns[None, :])
    return 1 / (4 * frequency.clamp(min=1 / max(canvas)))
