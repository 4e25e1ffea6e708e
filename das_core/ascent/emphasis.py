"""Emphasis: detail grows faster where the gradient is strong, so the background of a picture has little detail.

The gradient of a classifier adds parts of the class all over a picture, but is stronger at the subject. Multiplied by
its own local strength, the subject stands out early. The strength is the absolute gradient, as in saliency maps
(Simonyan, Vedaldi and Zisserman, 2013, arXiv 1312.6034, section 3); weighting an ascent by it is this project's idea.
"""

import torch
from torch import Tensor

from ..common.coarse_blur import blur_coarsely
from ..common.interruption import allow_interrupt
from ..common.masks import mean_square

_LOCAL = 1 / 24
"""What counts as local: the standard deviation of a Gaussian, as a share of the short side of the canvas."""


def emphasise(gradient: Tensor, power: float) -> Tensor:
    """Return a gradient (B, 3, H, W) whose detail is weighted by the given power of the local strength, at its former
    RMS.

    The coarse part, which a Gaussian blur separates from the detail, is kept. Where the gradient is 0 it stays 0.
    """
    if not power:
        return gradient
    local = min(gradient.shape[2:]) * _LOCAL
    wide = blur_coarsely(gradient, local)
    detail = gradient - wide
    allow_interrupt()
    strength = blur_coarsely(gradient.abs().mean(dim=1, keepdim=True), local)
    # Divided by the largest strength of the image, so that powers of tiny strengths do not underflow to 0.
    strength = strength / strength.amax(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(strength.dtype).tiny)
    weighted = detail * strength**power
    allow_interrupt()
    sizes = [mean_square(part).mean(dim=1, keepdim=True).sqrt() for part in (detail, weighted)]
    scale = sizes[0] / sizes[1].clamp(min=torch.finfo(strength.dtype).tiny)
    allow_interrupt()
    return wide.addcmul_(weighted, scale).mul_(gradient != 0)
