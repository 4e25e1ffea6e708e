"""Time as one more axis of a stack: a film has levels in time, as a picture has levels in space.

A level in time has r points; linear interpolation turns them into T frames, by a matrix U_r (T, r). The operator of a
film is K in space times K_t = sum over r of U_r U_r', which spreads the gradient at a frame to its neighbours. A loop
has no first frame: its K_t is the mean over all cyclic shifts (docs/method.md, Films).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.products import multiply
from ..common.scalars import as_switch, as_whole
from ..common.text import shorten
from ..common.timeline import Timeline

MOST_FRAMES = 1024
"""The largest number of frames of a film in a stack. `render_film` can interpolate more."""


@dataclass(frozen=True)
class Time:
    """The time axis of a film: how many frames it has, and whether it is a loop.

    Args:
        frames: how many frames there are, 1 to 1024.
        loop: whether the last frame is followed by the first.

    Raises:
        ValueError: when `frames` is not a whole number from 1 to 1024, or `loop` is neither true nor false.

    Example:
        >>> from das_core import ImageStack, StackSpec, Time
        >>> ImageStack.gray(StackSpec(width=32, height=32, margin=8, time=Time(frames=12))).image().shape
        torch.Size([12, 3, 32, 32])
    """

    frames: int
    loop: bool = False

    def __post_init__(self) -> None:
        frames = as_whole(self.frames)
        if frames is None or not 1 <= frames <= MOST_FRAMES:
            raise ValueError(
                f"frames {shorten(self.frames)} is not a whole number from 1 to {MOST_FRAMES}; 12 or 24 make a film, "
                "and more can be rendered between them"
            )
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "loop", as_switch("loop", self.loop))

    @property
    def timeline(self) -> Timeline:
        """The positions of the frames, to which keyframes refer."""
        return Timeline.from_images(self.frames, loop=self.loop, unit="frame")


def list_time_levels(frames: int) -> tuple[int, ...]:
    """Return the points of the levels in time: 2, 3, 4, 6, 8, 12 and so on, and the number of frames."""
    # With a level of one point, the ends of a film from one wish to another have too much in common: a held-out model
    # recognises them less often.
    levels = {frames} if frames > 2 else {1, frames}
    power = 2
    while power <= frames:
        levels |= {level for level in (power, power * 3 // 2) if level <= frames}
        power *= 2
    return tuple(sorted(levels))


def interpolation_matrix(points: int, frames: int, loop: bool = False) -> Tensor:
    """Return the matrix U of linear interpolation in time, (frames, points), float64; in a loop points wrap around."""
    position = (torch.arange(frames, dtype=torch.float64) + 0.5) * (points / frames) - 0.5
    first = position.floor()
    share = position - first
    taps = first[:, None].long() + torch.arange(2)
    taps = taps.remainder_(points) if loop else taps.clamp_(0, points - 1)
    weights = torch.stack([1 - share, share], dim=1)
    return torch.zeros(frames, points, dtype=torch.float64).scatter_add_(1, taps, weights)


def time_matrix(time: Time, levels: Sequence[int] = (), decay: float = 1.0) -> Tensor:
    """Return K_t, the sum over levels of g^2 U U', (T, T), float64; g changes by `decay` when the points double."""
    matrix = torch.zeros(time.frames, time.frames, dtype=torch.float64)
    for points in pausing(levels or list_time_levels(time.frames)):
        spread = decay ** math.log2(points) * interpolation_matrix(points, time.frames, time.loop)
        matrix += spread @ spread.T
    if time.loop:
        frames = torch.arange(time.frames)
        # `gather` arranges each row by the distance of the two frames, so that the mean over rows is that over shifts.
        apart = (frames[:, None] + frames) % time.frames
        by_distance = matrix.gather(1, apart).mean(dim=0)
        matrix = by_distance[(frames[:, None] - frames) % time.frames]
        # In a loop the distances d and T - d are the same.
        matrix = (matrix + matrix.T) / 2
    return matrix


def time_root(time: Time, decay: float = 1.0) -> Tensor:
    """Return the symmetric square root of `time_matrix`, (T, T), float64, of levels that include one of one point."""
    # The level of one point makes all frames start from similar noise.
    values, vectors = torch.linalg.eigh(time_matrix(time, sorted({1, *list_time_levels(time.frames)}), decay))
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def mix_frames(matrix: Tensor, frames: Tensor) -> Tensor:
    """Return weighted sums of frames (S, C, H, W): a matrix (S, T) times frames (T, C, H, W)."""
    return multiply(matrix, frames.flatten(1)).unflatten(1, frames.shape[1:])
