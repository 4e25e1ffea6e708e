"""A small picture with noise, for denoisers."""

import torch

NOISY = (
    torch.linspace(0.2, 0.8, 21).expand(1, 3, 17, 21)
    + 0.05 * torch.randn(1, 3, 17, 21, generator=torch.Generator().manual_seed(0))
).clamp(0, 1)
"""A picture (1, 3, 17, 21) that becomes lighter from left to right, with noise of a standard deviation of 0.05."""
