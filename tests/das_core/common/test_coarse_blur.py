import torch
from torchvision.transforms.functional import gaussian_blur

from cases import each_case
from das_core.common.coarse_blur import blur_coarsely


@each_case("deviation", 2.0, 4.0, 9.0)
def test_a_point_becomes_a_gaussian_of_this_deviation(deviation: float) -> None:
    point = torch.zeros(1, 1, 131, 131)
    point[..., 65, 65] = 1
    blurred = blur_coarsely(point, deviation)[0, 0]
    torch.testing.assert_close(blurred.sum(), torch.tensor(1.0))
    places = torch.arange(131.0)
    for line in (blurred.sum(dim=0), blurred.sum(dim=1)):
        middle = float((line * places).sum())
        assert abs(middle - 65) < 0.2 * deviation
        spread = float((line * (places - middle) ** 2).sum()) ** 0.5
        assert 0.95 * deviation < spread < 1.12 * deviation


def test_the_narrowest_blur_is_that_of_torchvision_without_a_coarser_grid() -> None:
    values = torch.rand(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    narrow = blur_coarsely(values, 2.0)
    torch.testing.assert_close(narrow, gaussian_blur(values, [13, 13], [2.0, 2.0]), atol=1e-5, rtol=0)
    assert torch.equal(blur_coarsely(values, 0.1), narrow)


@each_case("height, width, deviation", (5, 7, 20.0), (1, 64, 3.0), (33, 61, 6.5))
def test_an_even_picture_of_any_size_stays_even(height: int, width: int, deviation: float) -> None:
    even = torch.full((1, 2, height, width), 0.7)
    torch.testing.assert_close(blur_coarsely(even, deviation), even)
