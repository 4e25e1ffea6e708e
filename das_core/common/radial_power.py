"""Radial power spectra: how much power an image has at each frequency, whatever its direction."""

import torch
from torch import Tensor

from .cache import cached


def radial_power(images: Tensor, edges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return the mean power of images in rings of frequency, and the frequencies of the rings.

    The images are seen under a Hann window, so that their opposite edges do not count as edges in the picture. Rings
    that hold no coefficient, as narrow ones of small images do, are left out. Gradients flow to the images.

    Args:
        images: (B, H, W), brightness or one channel; their mean is taken away first.
        edges: rising frequencies in waves a pixel, up to 0.5; each neighbouring pair bounds a ring.

    Returns:
        Power (B, K) in the precision of the images, and frequencies (K,), the geometric means of the edges, float64.
    """
    height, width = images.shape[1:]
    members, window, frequencies = _make_rings(height, width, edges)
    centred = images - images.mean(dim=(1, 2), keepdim=True)
    coefficients = torch.fft.rfft2(centred * window.to(centred))
    power = coefficients.abs().square().flatten(1) / float(window.square().sum())
    return power @ members.to(power).T, frequencies


@cached(maxsize=8)
def _make_rings(height: int, width: int, edges: tuple[float, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the share of every coefficient of rfft2 in every ring (K, H * (W // 2 + 1)), the window, the frequencies.

    A coefficient of rfft2 stands for itself and for its complex conjugate, except in the columns of frequency 0 and of
    the finest frequency, where both are there.
    """
    bounds = torch.tensor(edges, dtype=torch.float64)
    rows, columns = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = torch.hypot(rows[:, None], columns[None, :])
    count = torch.full_like(radius, 2.0)
    count[:, 0] = 1
    if width % 2 == 0:
        count[:, -1] = 1
    ring = torch.bucketize(radius, bounds, right=True).flatten()
    members = torch.stack([(ring == number) * count.flatten() for number in range(1, len(edges))])
    kept = members.any(dim=1)
    members = members[kept] / members[kept].sum(dim=1, keepdim=True)
    window = torch.outer(*(torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width)))
    return members, window, (bounds[:-1] * bounds[1:]).sqrt()[kept]
