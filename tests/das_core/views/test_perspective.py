import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cases import each_case
from das_core.views.perspective import FARTHEST_CORNER, grid_sample_adjoint, make_perspective_grid, warp


def random_grid(views: int, size: int) -> Tensor:
    """Sampling points of which the last view has some beyond its edges, where the border is read."""
    inward = torch.rand(views, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grid = make_perspective_grid(FARTHEST_CORNER * inward, size)
    grid[-1] *= 2
    return grid


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_the_grid_is_the_homography_that_the_null_space_of_its_equations_gives(seed: int, size: int) -> None:
    inward = np.random.default_rng(seed).uniform(0, FARTHEST_CORNER, (4, 2))
    outward = np.array([[-1.0, -1], [-1, 1], [1, 1], [1, -1]])
    rows = []
    for (y, x), (v, u) in zip(outward, outward * (1 - 2 * inward), strict=True):
        # Collinear vectors have no cross product: (x, y, 1) goes to a multiple of (u, v, 1).
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
    matrix = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    centres = (np.arange(size) + 0.5) * 2 / size - 1
    x, y = np.meshgrid(centres, centres)
    mapped = np.stack([x, y, np.ones_like(x)], axis=-1) @ matrix.T
    grid = make_perspective_grid(torch.from_numpy(inward)[None], size)
    assert grid.dtype == torch.float32
    np.testing.assert_allclose(grid[0], mapped[..., :2] / mapped[..., 2:], atol=1e-6)


def test_no_view_is_folded_even_where_corners_are_as_far_inward_as_they_may_be() -> None:
    extremes = torch.cartesian_prod(*[torch.tensor([0.0, FARTHEST_CORNER], dtype=torch.float64)] * 8)
    grid = make_perspective_grid(extremes.reshape(-1, 4, 2), 16).double()
    right, down = grid.diff(dim=2)[:, :-1], grid.diff(dim=1)[:, :, :-1]
    # The signed area of every small square: a fold would turn it over.
    assert float((right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]).min()) > 0


def test_warping_reads_by_bilinear_interpolation_and_outside_reads_the_border() -> None:
    views, grid = torch.rand(3, 2, 10, 10), random_grid(3, 10)
    column = ((grid[..., 0] + 1) * 5 - 0.5).clamp(0, 9).numpy()
    row = ((grid[..., 1] + 1) * 5 - 0.5).clamp(0, 9).numpy()
    expected = np.zeros((3, 2, 10, 10))
    for pixel in np.ndindex(10, 10):
        # Each pixel is read with a weight that falls to 0 at its neighbours.
        weight = np.maximum(0, 1 - abs(row - pixel[0])) * np.maximum(0, 1 - abs(column - pixel[1]))
        expected += weight[:, None] * views[:, :, pixel[0], pixel[1], None, None].numpy()
    np.testing.assert_allclose(warp(views, grid), expected, atol=1e-5)


@each_case("by_sorting", [False, True])
def test_the_gradient_of_warping_is_that_of_autograd_and_repeats_its_bits(by_sorting: bool) -> None:
    grid, gradient = random_grid(3, 20), torch.randn(3, 3, 20, 20)
    leaf, own = (torch.rand(3, 3, 20, 20, requires_grad=True) for _ in range(2))
    F.grid_sample(leaf, grid, padding_mode="border", align_corners=False).backward(gradient)
    by_hand = grid_sample_adjoint(gradient, grid, by_sorting=by_sorting)
    torch.testing.assert_close(by_hand, leaf.grad, rtol=1e-4, atol=1e-4)
    assert torch.equal(by_hand, grid_sample_adjoint(gradient, grid, by_sorting=by_sorting))
    warp(own, grid).backward(gradient)
    torch.testing.assert_close(own.grad, by_hand, rtol=1e-4, atol=1e-4)
