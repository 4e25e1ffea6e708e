"""The operator of a film: K in space on every frame, then K_t along the time axis."""

from typing import Any

import torch
from torch import Tensor

from .linear_operator import StackOperator
from .state import AccumulatedGradient
from .time import Time, mix_frames, time_matrix


class FilmOperator(StackOperator[AccumulatedGradient]):
    """The operator of a stack whose batch holds the frames of a film: K in space times K_t (`stack/time.py`).

    K in space acts along height and width, K_t along the batch, so their order does not matter. The parameters
    are the accumulated gradient. See `StackOperator`.

    Args:
        space: the operator of a picture, in the form `spectral` or `exact`.
        time: the frames and the levels in time.

    Example:
        >>> import torch
        >>> from das_core import StackSpec, Time
        >>> spec = StackSpec(width=32, height=32, margin=8, time=Time(frames=4))
        >>> gradient = torch.zeros(4, 3, 48, 48)
        >>> gradient[0] = 1  # Only the first frame has a gradient.
        >>> moved = spec.operator(torch.device("cpu")).precondition(gradient)
        >>> [round(float(frame.mean() / moved[0].mean()), 2) for frame in moved]  # The frames beside it move with it.
        [1.0, 0.38, 0.08, 0.0]
    """

    def __init__(self, space: StackOperator[Any], time: Time) -> None:
        self.space, self.time = space, time
        self.canvas, self.levels, self.gains = space.canvas, space.levels, space.gains
        self.device, self.tile, self.basis = space.device, space.tile, space.basis
        self._prepare()

    def _prepare(self) -> None:
        matrix = time_matrix(self.time)
        self.matrix = matrix.to(self.device, torch.float32)
        self._inverse = torch.linalg.pinv(matrix, hermitian=True).to(self.device, torch.float32)

    def adjoint(self, gradient: Tensor) -> AccumulatedGradient:
        """Return the gradient (T, 3, H, W) as an accumulated gradient in float32: `adjoint` of the operator in space.

        K_t, which mixes the frames, is not applied here: it is part of `forward`.
        """
        parameters: AccumulatedGradient = self.space.adjoint(gradient)
        return parameters

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        """Return K times the accumulated gradient, (T, 3, H, W)."""
        return mix_frames(self.matrix, self.space.forward(parameters))

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient (T, 3, H, W); see `StackOperator.precondition`."""
        if gradient.device.type == "cpu":
            # The views of a step may show only some frames. At the other frames the gradient is 0, and so is K in space
            # times the gradient: it is not computed. (On a GPU this test would have to wait for the device.)
            asked = torch.tensor([bool(frame.any()) for frame in gradient])
            return mix_frames(self.matrix[:, asked], self.space.precondition(gradient[asked], cutoff, tilt))
        return mix_frames(self.matrix, self.space.precondition(gradient, cutoff, tilt))

    def retract(self, canvas: Tensor, start: Tensor) -> Tensor:
        """Return the canvas (T, 3, H, W) after a step, projected to a canvas that the parametrisation allows.

        The operator in space projects each frame. `start` is the canvas before the first step; see
        `StackOperator.retract`.
        """
        return self.space.retract(canvas, start)

    def remove_frozen(self, canvas: Tensor) -> Tensor:
        """Return a canvas (T, 3, H, W) without the frequencies of frozen bands."""
        return self.space.remove_frozen(canvas)

    def invert(self, change: Tensor) -> AccumulatedGradient:
        """Return an accumulated gradient that stands for a change (T, 3, H, W); see `StackOperator.invert`."""
        return AccumulatedGradient((mix_frames(self._inverse, self.space.invert(change).tensors[0]),))
