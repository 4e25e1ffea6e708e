import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from cases import each_case
from das_core.views.perspective import FARTHEST_CORNER, grid_sample_adjoint, make_perspective_grid, warp


def corners(*inward: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([inward], dtype=torch.float64)


def test_perspective_reads_the_quadrilateral_with_these_corners_and_keeps_straight_lines_straight() -> None:
    inward = corners((0.1, 0.2), (0.3, 0.05), (0.0, 0.25), (0.15, 0.0))
    # So fine that the outermost pixels are as good as the corners.
    grid = make_perspective_grid(inward, 2048)[0]
    expected = [(-0.6, -0.8), (0.9, -0.4), (0.5, 1.0), (-1.0, 0.7)]
    for (row, column), (x, y) in zip([(0, 0), (0, -1), (-1, -1), (-1, 0)], expected, strict=True):
        torch.testing.assert_close(grid[row, column], torch.tensor([x, y]), rtol=0, atol=3e-3)
    grid = make_perspective_grid(corners((0.3, 0.1), (0.0, 0.2), (0.2, 0.3), (0.1, 0.0)), 33)[0].double()
    first, middle, last = grid[7, 0], grid[7, 16], grid[7, 32]
    along, across = last - first, middle - first
    assert abs(float(along[0] * across[1] - along[1] * across[0])) < 1e-6


@each_case("by_sorting", [False, True])
def test_the_adjoint_of_perspective_is_that_of_autograd_repeats_its_bits_and_adds_up_what_reads_one_pixel(
    by_sorting: bool,
) -> None:
    inward = torch.rand(3, 4, 2, dtype=torch.float64) * 0.33
    grid = make_perspective_grid(inward, 20)
    gradient = torch.randn(3, 3, 20, 20)
    views = torch.rand(3, 3, 20, 20, requires_grad=True)
    F.grid_sample(views, grid, padding_mode="border", align_corners=False).backward(gradient)
    ours = grid_sample_adjoint(gradient, grid, by_sorting=by_sorting)
    assert views.grad is not None
    torch.testing.assert_close(ours, views.grad, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours, grid_sample_adjoint(gradient, grid, by_sorting=by_sorting))
    gradient = torch.rand(2, 3, 8, 8)
    # The centre of the pixel in row 2, column 5.
    centre = torch.tensor([5 + 0.5, 2 + 0.5]) / 4 - 1
    spread = grid_sample_adjoint(gradient, centre.expand(2, 8, 8, 2), by_sorting=by_sorting)
    torch.testing.assert_close(spread[:, :, 2, 5], gradient.sum(dim=(2, 3)))
    spread[:, :, 2, 5] = 0
    assert not spread.any()


def random_grid(views: int, size: int, seed: int = 0) -> torch.Tensor:
    inward = torch.rand(views, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return make_perspective_grid(FARTHEST_CORNER * inward, size)


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


def test_corners_that_stay_leave_every_pixel_where_it_is_and_corners_that_move_alike_cut_out_the_middle() -> None:
    grid = make_perspective_grid(torch.zeros(2, 4, 2, dtype=torch.float64), 9)
    views = torch.rand(2, 3, 9, 9)
    torch.testing.assert_close(warp(views, grid), views, rtol=0, atol=1e-6)
    # A quarter from each side: the middle half, at twice its size.
    grid = make_perspective_grid(torch.full((1, 4, 2), 0.25, dtype=torch.float64), 16)
    views = torch.rand(1, 3, 16, 16)
    enlarged = F.interpolate(views, size=(32, 32), mode="bilinear", align_corners=False)
    torch.testing.assert_close(warp(views, grid), enlarged[:, :, 8:24, 8:24], rtol=0, atol=1e-5)


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
    views = torch.arange(16.0).reshape(1, 1, 4, 4)
    points = torch.tensor([[-3.0, -3], [3, -3], [-1, 1], [1, 5]]).reshape(1, 2, 2, 2)
    assert warp(views, points).flatten().tolist() == [0.0, 3.0, 12.0, 15.0]


def test_the_gradient_of_warping_is_that_of_autograd_and_repeats_its_bits() -> None:
    grid, weights = random_grid(2, 15), torch.randn(2, 3, 15, 15)
    # Places beyond the edges and the corners are read at the border.
    grid[1] *= 2

    def read_by_torch(views: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(views, grid, padding_mode="border", align_corners=False)

    gradients = []
    for read in (read_by_torch, warp, warp):
        leaf = torch.full((2, 3, 15, 15), 0.5, requires_grad=True)
        (read(leaf, grid) * weights).sum().backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    theirs, ours, again = gradients
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert torch.equal(ours, again)
