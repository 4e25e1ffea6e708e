"""Views through a perspective, with an adjoint that gives the same bits on every run."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

FARTHEST_CORNER = 0.33
"""How far a corner may move inward, as a share of the side: below a third the four corners stay convex."""


def make_perspective_grid(inward: Tensor, size: int) -> Tensor:
    """Where each pixel of a square view is read from: (V, size, size, 2), float32, -1..1 across the view, x first.

    `inward` (V, 4, 2), float64, tells how far the corners of what is read lie inside those of the view, as shares of
    its side, y first; top left, top right, bottom right, bottom left. The map is the homography of the
    corners. It is computed in float64 on the CPU, alike for all devices.
    """
    outward = torch.tensor([[-1, -1], [-1, 1], [1, 1], [1, -1]], dtype=torch.float64)
    source = outward * (1 - 2 * inward)
    # Eight equations for the eight free entries: source * (g y + h x + 1) = (a y + b x + c, d y + e x + f).
    equations = torch.zeros(len(inward), 4, 2, 8, dtype=torch.float64)
    corner = torch.cat([outward, torch.ones(4, 1, dtype=torch.float64)], dim=1)
    equations[:, :, 0, 0:3] = corner
    equations[:, :, 1, 3:6] = corner
    equations[:, :, :, 6:] = -source[..., None] * outward[:, None, :]
    solved = torch.linalg.solve(equations.reshape(-1, 8, 8), source.reshape(-1, 8))
    matrix = torch.cat([solved, torch.ones(len(inward), 1, dtype=torch.float64)], dim=1).reshape(-1, 3, 3)
    along = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 / size) - 1
    points = torch.stack([*torch.meshgrid(along, along, indexing="ij"), torch.ones(size, size).double()], dim=-1)
    mapped = torch.einsum("vij,yxj->vyxi", matrix, points)
    return (mapped[..., :2] / mapped[..., 2:]).flip(-1).float()


def warp(views: Tensor, grid: Tensor) -> Tensor:
    """Views (V, C, S, S) read at the points of a grid (V, S, S, 2), between pixels bilinearly."""
    seen: Tensor = _Warp.apply(views, grid.to(views.device))
    return seen


class _Warp(torch.autograd.Function):
    """`grid_sample`, which on CUDA has no adjoint that repeats its bits; this one's does."""

    @staticmethod
    def forward(ctx: Any, views: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        return F.grid_sample(views, grid, padding_mode="border", align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        (grid,) = ctx.saved_tensors
        return grid_sample_adjoint(gradient, grid, by_sorting=gradient.is_cuda), None


def grid_sample_adjoint(gradient: Tensor, grid: Tensor, *, by_sorting: bool) -> Tensor:
    """The adjoint of reading at the points of a grid: (V, C, S, S) to (V, C, S, S).

    Where many threads add to one place, as on CUDA, the order of the sum is settled by sorting the places first;
    elsewhere adding one after the other is faster and has an order anyway.
    """
    views, channels, height, width = gradient.shape
    position = (grid + 1) * (torch.tensor([width, height], device=grid.device) / 2) - 0.5
    column, row = position[..., 0].clamp(0, width - 1), position[..., 1].clamp(0, height - 1)
    top, left = row.floor().long(), column.floor().long()
    below, beside = row - top, column - left
    neighbours = [
        (top, left, (1 - below) * (1 - beside)),
        (top, (left + 1).clamp(max=width - 1), (1 - below) * beside),
        ((top + 1).clamp(max=height - 1), left, below * (1 - beside)),
        ((top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1), below * beside),
    ]
    spread_out = torch.zeros_like(gradient)
    for view in range(views):
        indices = torch.cat([(down[view] * width + right[view]).flatten() for down, right, _ in neighbours])
        values = torch.cat([(gradient[view] * weight[view]).flatten(1) for _, _, weight in neighbours], dim=1)
        target = spread_out[view].reshape(channels, -1)
        if by_sorting:
            # What this does on CUDA, and index_add does not.
            target.T.index_put_((indices,), values.T, accumulate=True)
        else:
            target.index_add_(1, indices, values)
    return spread_out
