"""Radial power spectra: the power of an image at each frequency, averaged over all directions."""

import torch
from torch import Tensor

from .cache import cached
from .devices import keep_copy


def radial_power(images: Tensor, edges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return the mean power of images in rings of the frequency plane, and the frequencies of the rings.

    Images are multiplied by a Hann window; without it the step from one edge of an image to the opposite one would
    count as an edge in the picture. White noise of variance v has a power of about v in every ring. Gradients flow to
    the images.

    Args:
        images: (B, H, W), brightness or one channel; their mean is subtracted first.
        edges: frequencies in waves per pixel, rising; the finest one is 0.5 along rows and columns and 0.71 along
            diagonals. Each neighbouring pair bounds a ring, which holds its lower edge and not its upper one.

    Returns:
        Power (B, R) of R rings in the precision of the images, and their frequencies (R,), float64, in waves per pixel:
        the geometric means of the edges of each ring. Rings that hold no frequency of the Fourier transform, as narrow
        ones of small images, are left out.

    Example:
        >>> from das_core.common.radial_power import radial_power
        >>> waves = torch.sin(torch.arange(64) * 2 * torch.pi / 8).expand(1, 64, 64)
        >>> power, frequencies = radial_power(waves, edges=(0.03, 0.1, 0.15, 0.5))
        >>> [round(value, 2) for value in frequencies.tolist()], int(power.argmax())
        ([0.05, 0.12, 0.27], 1)
    """
    height, width = images.shape[1:]
    weights, window, frequencies = _make_rings(height, width, edges)
    centred = images - images.mean(dim=(1, 2), keepdim=True)
    coefficients = torch.fft.rfft2(centred * keep_copy(window, centred))
    power = coefficients.abs().square().flatten(1) / float(window.square().sum())
    return power @ keep_copy(weights, power).T, frequencies


@cached(maxsize=8)
def _make_rings(height: int, width: int, edges: tuple[float, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights (R, H * (W // 2 + 1)) of rfft2's coefficients in each ring, the window and the frequencies."""
    bounds = torch.tensor(edges, dtype=torch.float64)
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = torch.hypot(rows[:, None], columns[None, :])
    # A coefficient of rfft2 stands for itself and for its complex conjugate, which is left out. Only the columns of
    # frequency 0 and, if the width is even, of the finest frequency hold both.
    count = torch.full_like(radius, 2.0)
    count[:, 0] = 1
    if width % 2 == 0:
        count[:, -1] = 1
    ring = torch.bucketize(radius, bounds, right=True).flatten()
    weights = torch.stack([(ring == number) * count.flatten() for number in range(1, len(edges))])
    kept = weights.any(dim=1)
    weights = weights[kept] / weights[kept].sum(dim=1, keepdim=True)
    window = torch.outer(*(torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width)))
    return weights, window, (bounds[:-1] * bounds[1:]).sqrt()[kept]
