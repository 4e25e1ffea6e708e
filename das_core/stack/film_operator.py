"""The operator of a film: K in space on every frame, then K_t along the time axis (`stack/time.py`)."""

from typing import Any

import torch
from torch import Tensor

from .linear_operator import StackOperator
from .state import AccumulatedGradient
from .time import Time, mix_frames, time_matrix


class FilmOperator(StackOperator[AccumulatedGradient]):
    """The operator of a stack whose batch holds T frames: `space`, the operator of a picture, times K_t."""

    def __init__(self, space: StackOperator[Any], time: Time) -> None:
        self.space, self.time = space, time
        self.canvas, self.levels = space.canvas, space.levels
        self.device, self.tile, self.basis = space.device, space.tile, space.basis
        self._prepare()

    def _prepare(self) -> None:
        matrix = time_matrix(self.time)
        self.matrix = matrix.to(self.device, torch.float32)
        self._inverse = torch.linalg.pinv(matrix, hermitian=True).to(self.device, torch.float32)

    def adjoint(self, gradient: Tensor) -> AccumulatedGradient:
        """Return the accumulated gradient (T, 3, H, W) of `space`; K_t is part of `forward`."""
        parameters: AccumulatedGradient = self.space.adjoint(gradient)
        return parameters

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        """Return K times the accumulated gradient, (T, 3, H, W)."""
        return mix_frames(self.matrix, self.space.forward(parameters))

    def precondition(self, gradient: Tensor, cutoff: float | None = None, tilt: float = 0.0) -> Tensor:
        """Return K times a gradient (T, 3, H, W)."""
        if gradient.device.type == "cpu":
            # The views of a step may show only some frames. At the other frames the gradient is 0, and so is K in space
            # times the gradient: it is not computed. (On a GPU this test would have to wait for the device.)
            asked = torch.tensor([bool(frame.any()) for frame in gradient])
            return mix_frames(self.matrix[:, asked], self.space.precondition(gradient[asked], cutoff, tilt))
        return mix_frames(self.matrix, self.space.precondition(gradient, cutoff, tilt))

    def retract(self, canvas: Tensor, start: Tensor) -> Tensor:
        """Return the canvas (T, 3, H, W) with each frame projected by `space`."""
        return self.space.retract(canvas, start)

    def remove_frozen(self, canvas: Tensor) -> Tensor:
        """Return a canvas (T, 3, H, W) without the frequencies of frozen bands."""
        return self.space.remove_frozen(canvas)

    def invert(self, change: Tensor) -> AccumulatedGradient:
        """Return an accumulated gradient that stands for a change (T, 3, H, W)."""
        return AccumulatedGradient((mix_frames(self._inverse, self.space.invert(change).tensors[0]),))
