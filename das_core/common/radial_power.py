"""Radial power spectra: the power of an image at each frequency, averaged over all directions."""

import torch
from torch import Tensor

from .cache import cached
from .devices import keep_copy
from .interruption import allow_interrupt, pausing


def radial_power(images: Tensor, edges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return the mean power of images in rings of the frequency plane, and the frequencies of the rings.

    Images are multiplied by a Hann window; without it the step from one edge of an image to the opposite edge would
    count as detail. White noise of variance v has a power of about v in every ring. Gradients flow to the images.

    Args:
        images: (B, H, W), brightness or one channel; their mean is subtracted first.
        edges: frequencies in waves per pixel, rising. Each neighbouring pair bounds a ring, which contains its lower
            edge but not its upper edge. The finest frequency of an image is 0.5 along rows and columns, and 0.71 along
            diagonals.

    Returns:
        The power of R rings, (B, R), in the precision of the images; and their frequencies (R,), float64, in waves per
        pixel: for each ring the geometric mean of its edges. Rings that contain no frequency of the Fourier transform,
        such as narrow rings of small images, are left out.

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


# The most weights (coefficients times rings) that are kept at once: 256 MB in float64. If there are more, the rings are
# averaged one after the other.
_MOST_WEIGHTS = 2**25


def _average_ring_by_ring(
    power: Tensor, ring: Tensor, count: Tensor, edges: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Return the mean power in R rings, (B, R), and the frequencies of the rings, (R,); empty rings are left out.

    To save memory, one ring is averaged at a time.

    Args:
        power: the power of each coefficient of rfft2, (B, H * (W // 2 + 1)).
        ring: the number of the ring in which each coefficient lies, from 1; 0 or `len(edges)` outside all rings.
        count: for how many coefficients of the full transform each coefficient stands.
        edges: frequencies in rising order; each neighbouring pair bounds a ring.
    """
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
    """Return the weights of rfft2's coefficients in the R rings that are not empty, and the frequencies of these rings.

    The mean power in a ring is the sum of the powers of all coefficients, each times its weight in this ring. The
    weights are (R, H * (W // 2 + 1)), and sum to 1 in every ring. The frequencies of the rings are (R,), float64. Each
    neighbouring pair of `edges` bounds a ring.
    """
    ring, count, _ = _number_rings(height, width, edges)
    weights = torch.stack([(ring == number) * count for number in range(1, len(edges))])
    kept = weights.any(dim=1)
    return weights[kept] / weights[kept].sum(dim=1, keepdim=True), _find_middles(edges)[kept]


def _find_middles(edges: tuple[float, ...]) -> Tensor:
    """Return a frequency for every ring, float64: the geometric mean of the two neighbouring `edges` that bound it."""
    bounds = torch.tensor(edges, dtype=torch.float64)
    return (bounds[:-1] * bounds[1:]).sqrt()


@cached(maxsize=8)
def _number_rings(height: int, width: int, edges: tuple[float, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ring numbers and the counts of the coefficients of rfft2, and the Hann window (H, W).

    The R rings are numbered from 1; frequencies below the first edge have the number 0, and frequencies from the last
    edge up the number R + 1. The count of a coefficient says for how many coefficients of the full transform it stands.
    Numbers and counts are tensors (H * (W // 2 + 1),).
    """
    bounds = torch.tensor(edges, dtype=torch.float64)
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = torch.hypot(rows[:, None], columns[None, :])
    # A coefficient of rfft2 stands for itself and for its complex conjugate, which rfft2 leaves out. Only the column of
    # frequency 0 and, if the width is even, the column of the finest frequency contain both.
    count = torch.full_like(radius, 2.0)
    count[:, 0] = 1
    if width % 2 == 0:
        count[:, -1] = 1
    ring = torch.bucketize(radius, bounds, right=True).flatten().to(torch.int16)
    window = torch.outer(*(torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width)))
    return ring, count.flatten(), window
