"""Holding on to a photograph: a picture may differ from it only where the difference is strong.

An ascent changes the whole canvas a little, also where this hardly matters to the score. In a photograph, these weak
changes are seen as a haze around the subject that ends at the edge of the mask. `hold_on` undoes them: the change of a
pixel is multiplied by 1 - (t / m)², or by 0 if this is negative, where m is the strength of the change around the pixel
and t a threshold. The same factor shrinks the wavelet coefficients of a block in Cai (Adaptive wavelet estimation,
Annals of Statistics 27, 1999). Steps of ascent that alternate with a shrinkage lead to a sparse change, as in iterative
thresholding (Daubechies, Defrise and De Mol, Comm. Pure Appl. Math. 57, 2004).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.coarse_blur import LEAST_DEVIATION, blur_coarsely
from ..common.interruption import allow_interrupt

_AROUND = 1 / 80
"""What counts as around a pixel: the standard deviation of a Gaussian, as a share of the short side of the canvas. The
deviation is at least `LEAST_DEVIATION` pixels."""


def hold_on(pixels: Tensor, kept: Tensor, change: Tensor, threshold: float, tile: bool = False) -> Tensor:
    """Return pixels that are equal to `kept` wherever `change` is weaker than a threshold.

    Where `change` is stronger, the pixels are moved towards `kept`: by a quarter of the way where `change` is twice
    as strong as the threshold, by a ninth where it is three times as strong.

    Args:
        pixels: the changed picture, (B, 3, H, W), 0..1; this tensor is not modified.
        kept: the picture to hold on to, (B, 3, H, W), 0..1.
        change: the difference that is compared with the threshold, (B, 3, H, W), such as `pixels - kept`. Its strength
            at a pixel is its root mean square over the three channels and over the neighbourhood of the pixel.
        threshold: a strength, above 0. 0.03 undoes a haze; 0.2 undoes all but high contrasts.
        tile: whether the picture is a tile, whose opposite edges meet.

    Returns:
        Pixels (B, 3, H, W) between `kept` and `pixels`.

    Example:
        >>> import torch
        >>> from das_core.ascent.keeping import hold_on
        >>> kept = torch.full((1, 3, 64, 64), 0.5)
        >>> pixels = kept.clone()
        >>> pixels[..., :32] += 0.02
        >>> pixels[..., 32:] += 0.30
        >>> held = hold_on(pixels, kept, pixels - kept, threshold=0.1)
        >>> [round(float(held[0, 0, 0, column]), 3) for column in (0, 63)]
        [0.5, 0.767]
    """
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
