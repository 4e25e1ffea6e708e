"""Time as one more axis of a stack: a film has levels in time, as a picture has levels in space.

The T frames of a film are the images of one batch. A level in time has r points; linear interpolation turns them into T
frames, by a matrix U_r (T rows, r columns). Every level in space is combined with every level in time, so the operator
of a film is K in space times

    K_t = sum over r of  U_r U_r'

K_t is a small matrix (T, T) that acts along the batch. It spreads the gradient at one frame to the neighbouring frames.
Slow changes of the film move far; differences from frame to frame move little.

A loop has no first frame, so K_t must treat all frames alike. For that, each level in time is replaced by T copies, one
for each shift by 0 to T - 1 frames, with the gain 1 / sqrt(T). This makes K_t the mean over all shifts.

The levels in space are those of Direct Ascent Synthesis (arXiv 2502.07753, section 3). The levels in time were added by
this project.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..common.products import multiply
from ..common.scalars import as_list, as_switch, as_whole
from ..common.text import shorten
from ..common.timeline import Timeline

MOST_FRAMES = 1024
"""The largest number of frames of a film in a stack. `render_film` can interpolate more."""


@dataclass(frozen=True)
class Time:
    """The time axis of a stack: how many frames a film has, and its levels in time.

    Args:
        frames: how many frames there are, 1 to 1024. A film of one frame is a picture.
        levels: the number of points of each level in time, from 1 (the level is the same in all frames) to `frames`
            (the level has a point for each frame), in any order. If None, those of `list_time_levels`: 2, 3, 4, 6, 8,
            12 and so on up to `frames`, and also `frames`; with two frames, also 1. Levels are stored in rising order,
            without repeats. The finest level limits how fast the film can change from one frame to the next; a level of
            `frames` points sets no limit.
        loop: whether the last frame is followed by the first.

    Raises:
        ValueError: when `frames` is not a whole number from 1 to 1024, `levels` is empty, or a level is not a whole
            number from 1 to `frames`; or `loop` is neither true nor false.

    Example:
        >>> from das_core import ImageStack, StackSpec, Time
        >>> time = Time(frames=12)
        >>> time.levels
        (2, 3, 4, 6, 8, 12)
        >>> ImageStack.gray(StackSpec(width=32, height=32, margin=8, time=time)).image().shape
        torch.Size([12, 3, 32, 32])
    """

    frames: int
    levels: tuple[int, ...] | None = None
    loop: bool = False

    def __post_init__(self) -> None:
        frames = as_whole(self.frames)
        if frames is None or not 1 <= frames <= MOST_FRAMES:
            raise ValueError(
                f"frames {shorten(self.frames)} is not a whole number from 1 to {MOST_FRAMES}; 12 or 24 make a film, "
                "and more can be rendered between them"
            )
        given = list_time_levels(frames) if self.levels is None else as_list("levels", self.levels, "(1, 2, 4)")
        if not given:
            raise ValueError("the list of levels in time is empty; give at least one, such as 1")
        levels = set()
        for value in given:
            level = as_whole(value)
            if level is None or not 1 <= level <= frames:
                raise ValueError(
                    f"level {shorten(value)} in time is not a whole number from 1 to {frames}, the number of frames; "
                    "take it out"
                )
            levels.add(level)
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "levels", tuple(sorted(levels)))
        object.__setattr__(self, "loop", as_switch("loop", self.loop))

    @property
    def timeline(self) -> Timeline:
        """The positions of the frames, to which keyframes refer."""
        return Timeline.from_images(self.frames, loop=self.loop, unit="frame")

    @property
    def points(self) -> tuple[int, ...]:
        """The number of points of each level in time, in rising order; never None."""
        assert self.levels is not None
        return self.levels


def list_time_levels(frames: int) -> tuple[int, ...]:
    """Return the default levels in time of a film: 2, 3, 4, 6, 8, 12 and so on, and the number of frames.

    A level of one point is the same in all frames. It is left out if there are three frames or more: with it, the first
    and the last frame of a film that goes from one wish to another have so much in common that a held-out model
    recognises them less often.

    Args:
        frames: how many frames the film has, from 1 up.

    Example:
        >>> from das_core.stack.time import list_time_levels
        >>> list_time_levels(20)
        (2, 3, 4, 6, 8, 12, 16, 20)
    """
    levels = {frames} if frames > 2 else {1, frames}
    power = 2
    while power <= frames:
        levels |= {level for level in (power, power * 3 // 2) if level <= frames}
        power *= 2
    return tuple(sorted(levels))


def interpolation_matrix(points: int, frames: int, loop: bool = False) -> Tensor:
    """Return the matrix U of linear interpolation in time, (frames, points), float64.

    The film is divided into as many equal parts as there are points, with a point in the middle of each part. The
    frames lie in the middles of `frames` equal parts, as pixels do in space with `align_corners=False`.

    Args:
        points: how many points there are.
        frames: how many frames are interpolated.
        loop: whether the points wrap around at the ends. If not, frames before the first point repeat the first point,
            and frames after the last point repeat the last.

    Example:
        >>> from das_core.stack.time import interpolation_matrix
        >>> [interpolation_matrix(2, 4, loop)[:, 0].tolist() for loop in (False, True)]
        [[1.0, 0.75, 0.25, 0.0], [0.75, 0.75, 0.25, 0.25]]
    """
    position = (torch.arange(frames, dtype=torch.float64) + 0.5) * (points / frames) - 0.5
    first = position.floor()
    share = position - first
    taps = first[:, None].long() + torch.arange(2)
    taps = taps.remainder_(points) if loop else taps.clamp_(0, points - 1)
    weights = torch.stack([1 - share, share], dim=1)
    return torch.zeros(frames, points, dtype=torch.float64).scatter_add_(1, taps, weights)


def time_matrix(time: Time, decay: float = 1.0) -> Tensor:
    """Return the sum over the levels in time of g^2 U U', (T, T), float64.

    For each level, g is its gain, and U (`interpolation_matrix`) interpolates its points to the T frames. If all gains
    are 1, the sum is K_t, the matrix by which the operator K of a film mixes the frames.

    Args:
        time: the frames and the levels. For a loop the result is the mean over all shifts, so an entry depends only on
            the distance of its two frames.
        decay: the factor by which the gain changes when the number of points of a level doubles, above 0. A level of
            one point has the gain 1. With a decay of 1 all gains are 1.

    Example:
        >>> from das_core import Time
        >>> from das_core.stack.time import time_matrix
        >>> time_matrix(Time(frames=3, levels=(1, 3)))
        tensor([[2., 1., 1.],
                [1., 2., 1.],
                [1., 1., 2.]], dtype=torch.float64)
    """
    matrix = torch.zeros(time.frames, time.frames, dtype=torch.float64)
    for points in pausing(time.points):
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
    """Return the symmetric square root of `time_matrix`, (T, T), float64.

    The product of this matrix and frames of white noise has the covariance of a sum of levels in time that are white
    noise.

    Args:
        time: the frames and the levels.
        decay: the factor by which the gain changes when the number of points of a level doubles, above 0.
    """
    values, vectors = torch.linalg.eigh(time_matrix(time, decay))
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def mix_frames(matrix: Tensor, frames: Tensor) -> Tensor:
    """Return weighted sums of frames: a matrix times the frames.

    Args:
        matrix: (S, T), on the device of the frames and of their type.
        frames: (T, C, H, W).

    Returns:
        The S weighted sums of frames, (S, C, H, W).
    """
    return multiply(matrix, frames.flatten(1)).unflatten(1, frames.shape[1:])
