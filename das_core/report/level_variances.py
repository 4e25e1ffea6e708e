"""The variances of the levels of a stack.

The variance falls with the resolution about as a power law. Direct Ascent Synthesis (arXiv 2502.07753) reports an
exponent of -2.48, which is the slope on logarithmic axes.
"""

import torch
from torch import Tensor

from ..common.interruption import pausing
from ..stack.decomposition import decompose
from ..stack.image_stack import ImageStack

# Levels with fewer samples on their short side are left out: so few samples give no reliable variance.
_MIN_LEVEL_SAMPLES = 4


class EmptyLevelsError(ValueError):
    """The error for a stack with a level of variance 0, such as a grey stack that no ascent has changed."""


Levels = tuple[Tensor, Tensor]
"""Resolutions (N,) and variances (B, N), as `measure_level_variances` returns them."""


def measure_level_variances(stack: ImageStack) -> tuple[Tensor, Tensor]:
    """Return the resolutions (N,) of the levels of a stack and their variances (B, N), float64, on the CPU."""
    chosen = [
        (level, part)
        for level, part in zip(stack.spec.levels, decompose(stack).levels, strict=True)
        if min(part.shape[2:]) >= _MIN_LEVEL_SAMPLES
    ]
    if len(chosen) < 2:
        raise ValueError(
            f"the stack has {len(chosen)} levels of {_MIN_LEVEL_SAMPLES} samples and more; a slope needs at least 2"
        )
    found = []
    for _, part in pausing(chosen):
        found.append(part.cpu().double().flatten(1).var(dim=1))
    variances = torch.stack(found, dim=1)
    if not bool((variances > 0).all()):
        raise EmptyLevelsError("the levels of the stack are empty: it has not climbed yet; use a stack that has")
    return torch.tensor([float(level) for level, _ in chosen], dtype=torch.float64), variances
