import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from das_core.stack.bicubic import bicubic_matrix

SIDES = st.integers(1, 90)


@given(SIDES, SIDES)
def test_bicubic_matrix_is_what_torch_interpolates(source: int, target: int) -> None:
    signal = torch.randn(3, source, dtype=torch.float64, generator=torch.Generator().manual_seed(source * 97 + target))
    image = signal[:, None, None, :].expand(-1, 1, 5, -1)
    expected = F.interpolate(image, size=(5, target), mode="bicubic", align_corners=False)[:, 0, 2]
    torch.testing.assert_close(signal @ bicubic_matrix(source, target).T, expected, rtol=0, atol=1e-12)


def test_from_one_sample_bicubic_is_nearest() -> None:
    sample = torch.tensor([[[[0.37]]]], dtype=torch.float64)
    nearest = F.interpolate(sample, size=(1, 9), mode="nearest")[0, 0]
    torch.testing.assert_close((sample[0, 0] @ bicubic_matrix(1, 9).T), nearest, rtol=0, atol=1e-15)


@given(SIDES, SIDES)
def test_the_matrix_of_a_tile_interpolates_what_goes_on_at_the_other_end(source: int, target: int) -> None:
    signal = torch.randn(source, dtype=torch.float64, generator=torch.Generator().manual_seed(source * 97 + target))
    image = signal.repeat(7)[None, None, None, :].expand(-1, -1, 5, -1)
    expected = F.interpolate(image, size=(5, 7 * target), mode="bicubic", align_corners=False)[0, 0, 2]
    ours = bicubic_matrix(source, target, tile=True) @ signal
    torch.testing.assert_close(ours, expected[3 * target : 4 * target], rtol=0, atol=1e-12)
