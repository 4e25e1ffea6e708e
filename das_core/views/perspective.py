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
    """Return the sampling points of perspective transforms of square views.

    Each transform is the homography that maps the corners of a view to the corners of a quadrilateral inside it. It is
    computed in float64 on the CPU, so that all devices get the same points.

    Args:
        inward: how far each corner of the quadrilateral lies inside the same corner of the view, as a share of the side
            of the view, 0..`FARTHEST_CORNER`. The shape is (V, 4, 2), float64: four corners (top left, top right,
            bottom right, bottom left), and two axes (y before x).
        size: the side of a view in pixels.

    Returns:
        Points (V, size, size, 2), float32, as `grid_sample` takes them with `align_corners=False`: x before y, -1 at
        the left and top edge of a view, 1 at the right and bottom edge.
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
    solved = torch.linalg.solve(equations.reshape(-1, 8, 8), source.reshape(-1, 8))
    matrix = torch.cat([solved, torch.ones(len(inward), 1, dtype=torch.float64)], dim=1).reshape(-1, 3, 3)
    along = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 / size) - 1
    points = torch.stack([*torch.meshgrid(along, along, indexing="ij"), torch.ones(size, size).double()], dim=-1)
    mapped = torch.einsum("vij,yxj->vyxi", matrix, points)
    return (mapped[..., :2] / mapped[..., 2:]).flip(-1).float()


def warp(views: Tensor, grid: Tensor) -> Tensor:
    """Return views sampled at the points of a grid, with bilinear interpolation between pixels.

    Points beyond the centres of the border pixels get the values of the border pixels. The gradient has the same bits
    on every run.

    Args:
        views: (V, C, S, S), float32.
        grid: points (V, S, S, 2), x before y: -1 at the left and top edge of a view, 1 at the right and bottom edge.

    Returns:
        Views (V, C, S, S).
    """
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
    """Return the gradient at the input of `warp`: its backward pass.

    Args:
        gradient: the gradient at the output of `warp`, (V, C, S, S).
        grid: the points (V, S, S, 2) at which `warp` sampled the views.
        by_sorting: whether the values are first sorted by the pixel to which they are added, which fixes the order of
            each sum. This is needed on CUDA, where many threads add at once. On the CPU, one value is added after the
            other; this is faster, and its order is fixed.

    Returns:
        A gradient (V, C, S, S).
    """
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
            # With accumulate=True, index_put_ sorts the indices on CUDA; index_add_ does not.
            target.T.index_put_((indices,), values.T, accumulate=True)
        else:
            target.index_add_(1, indices, values)
    return at_views
