"""Scales the changes of a film in time: bands of slow or fast changes are weakened, strengthened or removed."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .bands import Band, combine_gains
from .edit import replace_canvas
from .image_stack import ImageStack
from .time import Time, mix_frames


def scale_changes(stack: ImageStack, gains: Sequence[tuple[Band, float]]) -> ImageStack:
    """Return a film whose changes in time are multiplied by factors; the mean of all frames stays as it is.

    The values of each pixel of the canvas over the frames are split into waves. Change k is a cosine with k half-waves
    over the film (the basis of the discrete cosine transform); in a loop it is a wave with k periods over the film. The
    larger k is, the faster is the change. The start of the film is edited like its canvas. The parameters and the state
    of the optimizer belong to the film before the edit and are dropped.

    Args:
        stack: a film. It is not modified.
        gains: bands of changes (first, last), both included, each with its factor. Changes are numbered from 1 to
            `frames - 1`, or to `frames // 2` if the film is a loop. A factor of 0 for all changes makes every frame
            equal to the mean of all frames; 0 for the fast changes makes the film smoother; 2 exaggerates changes. A
            change in several bands is multiplied by all their factors.

    Returns:
        A film with the spec of `stack`.

    Raises:
        ValueError: when the stack is no film or a film of a single frame, a band contains no change (`EmptyBandError`),
            or the factors are so large that the new canvas is not finite.

    Example:
        >>> from das_core import ImageStack, StackSpec, Time, scale_changes
        >>> from das_core.stack.bands import FINEST
        >>> film = ImageStack.noise(StackSpec(width=32, height=32, margin=8, time=Time(frames=6)))
        >>> still = scale_changes(film, [((1, FINEST), 0.0)]).canvas
        >>> torch.allclose(still, film.canvas.mean(dim=0, keepdim=True).expand_as(still), atol=1e-5)
        True
    """
    time = stack.spec.time
    if time is None or time.frames < 2:
        raise ValueError("a picture has no changes in time to scale; make a film of it first (as_film), or leave them")
    fastest = time.frames // 2 if time.loop else time.frames - 1
    factors = [1.0, *combine_gains(gains, range(1, fastest + 1), "holds no change")]
    matrix = make_change_matrix(time, torch.tensor(factors, dtype=torch.float64)).to(stack.canvas)
    return replace_canvas(stack, mix_frames(matrix, stack.start), mix_frames(matrix, stack.canvas))


def make_change_matrix(time: Time, factors: Tensor) -> Tensor:
    """Return the matrix (T, T), float64, that multiplies each change of T frames by its factor.

    A change is a wave in time: change k is a cosine with k half periods over the frames, or with k whole periods over
    the frames of a loop.

    Args:
        time: the time axis of the film: the number of frames T, and whether they are a loop.
        factors: the factor of the mean of all frames, then the factors of the changes 1, 2 and so on (see
            `scale_changes`): (T,), or (T // 2 + 1,) for a loop; float64.

    Example:
        >>> from das_core import Time
        >>> from das_core.stack.changes import make_change_matrix
        >>> make_change_matrix(Time(frames=2), torch.tensor([1.0, 0.0], dtype=torch.float64))
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]], dtype=torch.float64)
    """
    frames = torch.arange(time.frames)
    if time.loop:
        # A filter of periodic waves is a circular convolution: an entry depends only on the distance of its two frames.
        by_distance = torch.fft.irfft(factors, n=time.frames)
        return by_distance[(frames[:, None] - frames) % time.frames]
    exact = frames.double()
    waves = torch.cos(math.pi / time.frames * exact[:, None] * (exact + 0.5))
    waves = waves / waves.norm(dim=1, keepdim=True)
    return waves.T @ (factors[:, None] * waves)
