"""Radial power spectra: the power of an image at each frequency, averaged over all directions."""

from typing import NamedTuple

import torch
from torch import Tensor

from .cache import cached
from .devices import send_to_device
from .interruption import allow_interrupt, pausing
from .modes import without_autocast

_MOST_AT_ONCE = 2**22  # Pixels; larger batches are transformed image by image.


@without_autocast()
def radial_power(images: Tensor, edges: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Return the mean power (B, R) of images (B, H, W) in rings of the frequency plane, and their frequencies (R,).
    Each pair of rising `edges`, in waves per pixel, bounds a ring [low, high); its frequency is their geometric mean,
    float64. Rings without a frequency of the transform are left out. White noise has its variance in every ring."""
    height, width = images.shape[1:]
    rings = _sort_rings(height, width, edges, images.dtype, images.device)
    allow_interrupt()
    if len(images) > 1 and images.numel() > _MOST_AT_ONCE:
        found = [radial_power(image, edges)[0] for image in images.split(1)]
        return torch.cat(found), rings.frequencies
    # One name for all, so that none of these large tensors stays longer than it is needed.
    values = images - images.mean(dim=(1, 2), keepdim=True)
    values = values * rings.rows[:, None]
    values = values * rings.columns
    values = torch.fft.rfft2(values)
    power = values.abs().square().flatten(1).index_select(1, rings.order)
    parts = zip(power.split(rings.sizes, dim=1), rings.weights.split(rings.sizes), strict=True)
    return torch.stack([part @ weights for part, weights in parts], dim=1), rings.frequencies


class _Rings(NamedTuple):
    """The R rings of the frequency plane that hold a frequency of the Fourier transform, and the Hann window."""

    order: Tensor
    weights: Tensor
    sizes: list[int]
    frequencies: Tensor
    rows: Tensor
    columns: Tensor


@cached(maxsize=8)
def _sort_rings(height: int, width: int, edges: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> _Rings:
    """Return which coefficients of rfft2 lie in which ring; each neighbouring pair of `edges` bounds a ring."""
    bounds = torch.tensor(edges, dtype=torch.float64)
    across = torch.fft.rfftfreq(width, dtype=torch.float64)
    # The number of the ring of every coefficient, from 1; by rows, because a radius takes four times the memory.
    numbers = torch.empty(height, len(across), dtype=torch.int16)
    for down, row in pausing(zip(torch.fft.fftfreq(height, dtype=torch.float64), numbers, strict=True)):
        row.copy_(torch.bucketize(torch.hypot(down, across), bounds, right=True))
    # A coefficient of rfft2 stands for itself and for its complex conjugate, which rfft2 leaves out. Only the column of
    # frequency 0 and, if the width is even, the column of the finest frequency contain both.
    counts = torch.full_like(across, 2.0)
    counts[0] = 1
    if width % 2 == 0:
        counts[-1] = 1
    rows, columns = (torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width))
    energy = rows.square().sum() * columns.square().sum()
    order, weights, frequencies = [], [], []
    for number, middle in pausing(enumerate((bounds[:-1] * bounds[1:]).sqrt(), start=1)):
        (inside,) = (numbers.flatten() == number).nonzero(as_tuple=True)
        if len(inside):
            order.append(inside.int())
            weight = counts[inside % len(across)]
            weights.append((weight / (weight.sum() * energy)).to(dtype))
            frequencies.append(middle)
    on_device = (send_to_device(tensor.to(dtype), device) for tensor in (torch.cat(weights), rows, columns))
    joined, rows, columns = on_device
    sizes = [len(part) for part in order]
    return _Rings(send_to_device(torch.cat(order), device), joined, sizes, torch.stack(frequencies), rows, columns)
