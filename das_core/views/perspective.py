"""Perspective transforms of views, with a gradient that has the same bits on every run, on CUDA too."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.devices import send_to_device
from ..common.interruption import pausing

FARTHEST_CORNER = 0.33
"""How far a corner may move inward along each axis, as a share of the side. Below a third, the four corners always form
a convex quadrilateral."""


def make_perspective_grid(inward: Tensor, size: int) -> Tensor:
    """Return the sampling points (V, size, size, 2), float32, x before y, of perspective transforms of square views.

    A transform is the homography that maps the corners of a view to points `inward` (V, 4, 2), y before x, of them: top
    left, top right, bottom right, bottom left, as shares of the side, 0..`FARTHEST_CORNER`.
    """
    outward = torch.tensor([[-1, -1], [-1, 1], [1, 1], [1, -1]], dtype=torch.float64)
    source = outward * (1 - 2 * inward)
    # Eight equations for the eight free entries a to h of the homography. (y, x) is a corner of the view, and `source`
    # is the corner of the quadrilateral that belongs to it: source * (g y + h x + 1) = (a y + b x + c, d y + e x + f).
    equations = torch.zeros(len(inward), 4, 2, 8, dtype=torch.float64)
    corner = torch.cat([outward, torch.ones(4, 1, dtype=torch.float64)], dim=1)
    equations[:, :, 0, 0:3] = corner
    equations[:, :, 1, 3:6] = corner
    equations[:, :, :, 6:] = -source[..., None] * outward[:, None, :]
    # On the CPU in float64, so that all devices get the same points.
    solved = torch.linalg.solve(equations.reshape(-1, 8, 8), source.reshape(-1, 8))
    matrix = torch.cat([solved, torch.ones(len(inward), 1, dtype=torch.float64)], dim=1).reshape(-1, 3, 3)
    along = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 / size) - 1
    points = torch.stack([*torch.meshgrid(along, along, indexing="ij"), torch.ones(size, size).double()], dim=-1)
    mapped = torch.einsum("vij,yxj->vyxi", matrix, points)
    return (mapped[..., :2] / mapped[..., 2:]).flip(-1).float()


def warp(views: Tensor, grid: Tensor) -> Tensor:
    """Return views (V, C, S, S) sampled at the points of a grid, bilinearly; border pixels are continued outwards."""
    warped: Tensor = _Warp.apply(views, send_to_device(grid, views.device))
    return warped


class _Warp(torch.autograd.Function):
    """`grid_sample` with a deterministic backward pass; on CUDA, that of PyTorch adds values in no fixed order."""

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
    """Return the backward pass of `warp`: the gradient (V, C, S, S) at its input."""
    views, channels, height, width = gradient.shape
    column, row = (
        ((grid[..., axis] + 1) * (side / 2) - 0.5).clamp(0, side - 1) for axis, side in enumerate((width, height))
    )
    top, left = row.floor().long(), column.floor().long()
    down, right = row - top, column - left
    neighbours = [
        (top, left, (1 - down) * (1 - right)),
        (top, (left + 1).clamp(max=width - 1), (1 - down) * right),
        ((top + 1).clamp(max=height - 1), left, down * (1 - right)),
        ((top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1), down * right),
    ]
    at_views = torch.zeros_like(gradient)
    for view in pausing(range(views)):
        indices = torch.cat([(rows[view] * width + columns[view]).flatten() for rows, columns, _ in neighbours])
        values = torch.cat([(gradient[view] * weight[view]).flatten(1) for _, _, weight in neighbours], dim=1)
        target = at_views[view].reshape(channels, -1)
        if by_sorting:
            # With accumulate=True, index_put_ sorts the indices on CUDA, which fixes the order of each sum.
            target.T.index_put_((indices,), values.T, accumulate=True)
        else:
            target.index_add_(1, indices, values)
    return at_views
