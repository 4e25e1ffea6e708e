"""The reference algorithm, written as the paper states it: explicit levels, autograd through every interpolation, SGD.

This module imports nothing from das_core: benchmarks compare the speed of das_core with it, and tests compare results.
Sources of the algorithm: Direct Ascent Synthesis, arXiv 2502.07753, and the blog post of the same name (17 February
2025).
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# A function from the whole picture (1, 3, R, R) and the number of the step to views of it (V, 3, S, S), 0..1
Views = Callable[[Tensor, int], Tensor]
Score = Callable[[Tensor], Tensor]  # A function from views to their scores (V,)


def summed(levels: Sequence[Tensor], side: int) -> Tensor:
    """Resize every level to `side` x `side`, and return their sum (1, 3, side, side)."""
    total = torch.zeros(1, 3, side, side)
    for level in levels:
        if level.shape[-1] == 1:
            total = total + F.interpolate(level, size=(side, side), mode="nearest")
        else:
            total = total + F.interpolate(level, size=(side, side), mode="bicubic", align_corners=False)
    return total


def seed_views(count: int, view: int, jitter: int, noise: float, seed: int) -> Views:
    """Return a function that makes views in the same way as the published code of Direct Ascent Synthesis."""

    def views(picture: Tensor, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        edge = (picture.shape[-1] - view) // 2
        shown = []
        for _ in range(count):
            down, right = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
            rolled = torch.roll(picture, (down, right), dims=(2, 3))[:, :, edge : edge + view, edge : edge + view]
            shown.append(rolled + noise * torch.rand(rolled.shape, generator=generator))
        return torch.cat(shown).clamp(0, 1)

    return views


def reference_ascent(
    score: Score,
    views: Views,
    *,
    side: int,
    resolutions: Sequence[int],
    steps: int,
    learning_rate: float,
    momentum: float = 0.0,
    start: Tensor | None = None,
    render: bool = True,
) -> tuple[Tensor, list[Tensor]]:
    """Return the picture (1, 3, side, side), 0..1, and the levels after SGD has raised the mean score of the views."""
    raw = torch.zeros(1, 3, side, side) if start is None else torch.atanh(2 * start - 1)
    picture = (torch.tanh(raw) + 1) / 2
    levels = [torch.zeros(1, 3, r, r, requires_grad=True) for r in resolutions]
    optimizer = torch.optim.SGD(levels, lr=learning_rate, momentum=momentum)
    for step in range(steps):
        optimizer.zero_grad()
        picture = (torch.tanh(raw + summed(levels, side)) + 1) / 2
        loss = -score(views(picture, step)).mean()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        if render:
            picture = (torch.tanh(raw + summed(levels, side)) + 1) / 2
    return picture.detach(), [level.detach() for level in levels]
