"""Holding on to a photograph: a picture may differ from it only where the difference is strong.

An ascent changes the whole canvas a little; in a photograph this is seen as a haze that ends at the edge of the mask.
`hold_on` multiplies the change of a pixel by max(0, 1 - (t / m)²), where m is the strength of the change around the
pixel and t a threshold. The factor is that of Cai (Adaptive wavelet estimation, Annals of Statistics 27, 1999).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.coarse_blur import LEAST_DEVIATION, blur_coarsely
from ..common.interruption import allow_interrupt

_AROUND = 1 / 80
"""What counts as around a pixel: the standard deviation of a Gaussian, as a share of the short side of the canvas."""


def hold_on(pixels: Tensor, kept: Tensor, change: Tensor, threshold: float, tile: bool = False) -> Tensor:
    """Return pixels (B, 3, H, W), 0..1, that are moved to `kept` where `change` is weak, and equal `kept` below a
    threshold."""
    energy = change.square().mean(dim=1, keepdim=True)
    allow_interrupt()
    height, width = pixels.shape[2:]
    deviation = max(min(height, width) * _AROUND, LEAST_DEVIATION)
    wrap = min(round(4 * deviation), height, width) if tile else 0
    if wrap:
        energy = F.pad(energy, (wrap,) * 4, mode="circular")
    energy = blur_coarsely(energy, deviation)[..., wrap : wrap + height, wrap : wrap + width]
    allow_interrupt()
    factor = (1 - threshold**2 / energy.clamp(min=torch.finfo(energy.dtype).tiny)).clamp_(0, 1)
    return kept.lerp(pixels, factor)
