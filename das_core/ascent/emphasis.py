"""Emphasis: detail grows faster where the gradient is strong, so the background of a picture has little detail.

The gradient of a classifier adds parts of the class all over a picture, so a plain ascent covers the background with
such parts. The gradient is stronger at the subject. If the gradient is multiplied by its own local strength, the
subject grows faster than the background and stands out early. Only detail is weighted. Large shapes and the colours of
the background are wider than the neighbourhood in which the strength is measured, so their gradient is kept. The
strength is the absolute gradient, as in saliency maps (Simonyan, Vedaldi and Zisserman, 2013, arXiv 1312.6034, section
3). Weighting the steps of an ascent by this strength is this project's idea.
"""

import torch
from torch import Tensor

from ..common.coarse_blur import blur_coarsely
from ..common.interruption import allow_interrupt
from ..common.masks import mean_square

_LOCAL = 1 / 24
"""What counts as local: the standard deviation of a Gaussian, as a share of the short side of the canvas."""


def emphasise(gradient: Tensor, power: float) -> Tensor:
    """Return a gradient whose detail is weighted by the local strength of the gradient.

    A Gaussian blur splits the gradient into a coarse part, which is not changed, and detail. The local strength is the
    absolute gradient, averaged over the channels and blurred. The detail is multiplied by a power of this strength, and
    then scaled back to its former RMS in every image.

    Args:
        gradient: (B, 3, H, W).
        power: the exponent of the strength, from 0 up: 0 leaves the gradient as it is, 1 weights detail in proportion
            to the strength.

    Returns:
        A gradient (B, 3, H, W). It is 0 wherever the given gradient is 0, for example outside of a region.

    Example:
        A gradient that alternates in sign, three times as strong on the right:

        >>> import torch
        >>> from das_core.ascent.emphasis import emphasise
        >>> gradient = torch.ones(1, 3, 96, 96)
        >>> gradient[..., ::2] = -1
        >>> gradient[..., 48:] *= 3
        >>> sizes = emphasise(gradient, power=1.0).abs()
        >>> round(float(sizes[..., 90].mean() / sizes[..., 5].mean()), 1)
        9.0
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
