"""Where an ascent did its work: the size of the gradient at every pixel, gathered over the steps.

What the models never looked at stays dark. Used as a transparency mask in Fel et al., Unlocking Feature Visualization
with Magnitude Constrained Optimization (2023, arXiv 2306.06805, section 3.3).
"""

import torch
from torch import Tensor

# A few pixels with a huge gradient would leave all others in the dark.
_BRIGHT_SHARE = 0.01


def gradient_strength(gradient: Tensor) -> Tensor:
    """The size (B, H, W) of a gradient (B, 3, H, W), 1 on the average of every image, so that all steps count alike."""
    # Several times faster than norm over this axis.
    strength = gradient.square().sum(dim=1).sqrt_()
    mean = strength.mean(dim=(1, 2), keepdim=True)
    return strength / mean.clamp(min=torch.finfo(mean.dtype).tiny)


def importance_mask(gathered: Tensor) -> Tensor:
    """The summed strength (B, h, w) of many steps as a mask 0..1: white where the brightest hundredth of it is."""
    flat = gathered.flatten(1)
    brightest = max(1, round(flat.shape[1] * (1 - _BRIGHT_SHARE)))
    white = flat.kthvalue(brightest, dim=1).values[:, None, None]
    return (gathered / white.clamp(min=torch.finfo(white.dtype).tiny)).clamp(0, 1)
