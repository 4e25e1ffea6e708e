"""Radial power spectra: the power of an image at each frequency, averaged over all directions."""

import torch
from torch import Tensor

from .cache import cached
from .devices import keep_copy
from .interruption import allow_interrupt, pausing


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
    ring, count, window = _number_rings(height, width, edges)
    allow_interrupt()
    if len(images) > 1 and len(edges) * ring.numel() > _MOST_WEIGHTS:
        found = [radial_power(image, edges) for image in images.split(1)]
        return torch.cat([power for power, _ in found]), found[0][1]
    centred = images - images.mean(dim=(1, 2), keepdim=True)
    coefficients = torch.fft.rfft2(centred * keep_copy(window, centred))
    power = coefficients.abs().square().flatten(1) / float(window.square().sum())
    if len(edges) * ring.numel() > _MOST_WEIGHTS:
        return _average_ring_by_ring(power, ring, count, edges)
    weights, frequencies = _make_weights(height, width, edges)
    return power @ keep_copy(weights, power).T, frequencies


# The most weights that are kept at once, of all coefficients in all rings: 256 MB. With more, each ring is by itself.
_MOST_WEIGHTS = 2**25


def _average_ring_by_ring(
    power: Tensor, ring: Tensor, count: Tensor, edges: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return what `radial_power` returns, with the memory of one ring."""
    averages, kept = [], []
    for number, middle in pausing(enumerate(_find_middles(edges), start=1)):
        (inside,) = (ring == number).nonzero(as_tuple=True)
        if len(inside):
            weights = count[inside] / count[inside].sum()
            averages.append(power[:, inside.to(power.device)] @ weights.to(power))
            kept.append(middle)
    return torch.stack(averages, dim=1), torch.stack(kept)


@cached(maxsize=8)
def _make_weights(height: int, width: int, edges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return the weights (R, H * (W // 2 + 1)) of rfft2's coefficients in the rings that hold any, and frequencies."""
    ring, count, _ = _number_rings(height, width, edges)
    weights = torch.stack([(ring == number) * count for number in range(1, len(edges))])
    kept = weights.any(dim=1)
    return weights[kept] / weights[kept].sum(dim=1, keepdim=True), _find_middles(edges)[kept]


def _find_middles(edges: tuple[float, ...]) -> Tensor:
    """Return the frequency of every ring: the geometric mean of its edges, float64."""
    bounds = torch.tensor(edges, dtype=torch.float64)
    return (bounds[:-1] * bounds[1:]).sqrt()


@cached(maxsize=8)
def _number_rings(height: int, width: int, edges: tuple[float, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return for every coefficient of rfft2, (H * (W // 2 + 1),), the number of its ring, from 1, and for how many
    coefficients it stands; and the window (H, W).
    """
    bounds = torch.tensor(edges, dtype=torch.float64)
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = torch.hypot(rows[:, None], columns[None, :])
    # A coefficient of rfft2 stands for itself and for its complex conjugate, which is left out. Only the columns of
    # frequency 0 and, if the width is even, of the finest frequency hold both.
    count = torch.full_like(radius, 2.0)
    count[:, 0] = 1
    if width % 2 == 0:
        count[:, -1] = 1
    ring = torch.bucketize(radius, bounds, right=True).flatten().to(torch.int16)
    window = torch.outer(*(torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width)))
    return ring, count.flatten(), window
