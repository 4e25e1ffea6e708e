"""A wide Gaussian blur, computed on a coarse grid."""

import torch
from torch import Tensor

from cases import each_case
from das_core.common.coarse_blur import blur_coarsely


def _blur_exactly(values: Tensor, deviation: float) -> Tensor:
    """Return values blurred by a product with dense matrices; beyond its edges a picture is reflected."""

    def make_matrix(side: int) -> Tensor:
        reach = int(4 * deviation) + 1
        matrix = torch.zeros(side, side, dtype=torch.float64)
        for place in range(side):
            weights = torch.arange(-reach, reach + 1, dtype=torch.float64).div(deviation).square().mul(-0.5).exp()
            for offset, weight in zip(range(-reach, reach + 1), weights / weights.sum(), strict=True):
                target = (place + offset) % (2 * side)
                matrix[place, min(target, 2 * side - 1 - target)] += weight
        return matrix

    rows, columns = (make_matrix(side) for side in values.shape[2:])
    return (rows @ values.double() @ columns.T).to(values.dtype)


def _draw(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@each_case("deviation", [2.0, 4.0, 9.0])
def test_it_is_nearly_a_gaussian_blur(deviation: float) -> None:
    values = _draw(90, 110)
    error = blur_coarsely(values, deviation) - _blur_exactly(values, deviation)
    inside = error[..., 30:60, 30:80]
    assert float(inside.abs().max()) < 0.15 * float(_blur_exactly(values, deviation).std()) + 0.01


@each_case("height, width, deviation", [(5, 7, 20.0), (1, 64, 3.0), (33, 61, 6.5), (2, 2, 0.5)])
def test_an_even_picture_of_any_size_stays_even(height: int, width: int, deviation: float) -> None:
    even = torch.full((1, 2, height, width), 0.7)
    torch.testing.assert_close(blur_coarsely(even, deviation), even)


def test_a_narrower_blur_than_the_narrowest_is_the_narrowest() -> None:
    values = _draw(24, 24)
    assert torch.equal(blur_coarsely(values, 0.1), blur_coarsely(values, 2.0))
