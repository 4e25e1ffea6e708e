"""A gradient weighted by its own local strength."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from cases import each_case
from das_core.ascent.emphasis import emphasise


def ripple(height: int = 96, width: int = 96, strong: float = 3.0) -> Tensor:
    """Detail of one pixel that is stronger on the right."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    sign = 1.0 - 2 * ((rows + columns) % 2)
    return (sign * torch.where(columns < width // 2, 1.0, strong)).expand(1, 3, height, width)


def reference(gradient: Tensor, power: float) -> np.ndarray:
    """The same with exact Gaussians of SciPy."""
    values = gradient.double().numpy()
    local = min(values.shape[2:]) / 24
    blur = lambda field: gaussian_filter(field, (0, 0, local, local), mode="reflect", truncate=5)  # noqa: E731
    wide = blur(values)
    detail = values - wide
    weighted = detail * blur(np.abs(values).mean(axis=1, keepdims=True)) ** power
    size = [np.sqrt(np.square(part).mean(axis=(1, 2, 3), keepdims=True)) for part in (detail, weighted)]
    return wide + weighted * size[0] / size[1]


@each_case("power", [0.5, 1.0, 2.0])
@each_case("shape", [(120, 120), (97, 150)])
def test_it_is_nearly_that_of_exact_gaussians(power: float, shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    gradient = torch.randn(2, 3, *shape, generator=generator) * torch.linspace(0.2, 2, shape[1])
    found, expected = emphasise(gradient, power).numpy(), reference(gradient, power)
    assert np.abs(found - expected).mean() < 0.05 * np.abs(expected).mean()


@each_case(("power", "ratio"), [(0.0, 3.0), (1.0, 9.0), (2.0, 27.0)])
def test_detail_grows_with_a_power_of_the_strength(power: float, ratio: float) -> None:
    gradient = ripple()
    found = emphasise(gradient, power)
    assert float(found[..., -5:].abs().mean() / found[..., :5].abs().mean()) == pytest.approx(ratio, rel=0.02)
    assert (found is gradient) == (power == 0)


def test_what_is_wider_than_local_stays() -> None:
    wave = torch.cos(torch.linspace(0, 3.14159, 240)).expand(1, 3, 240, 240) * 0.05
    found = emphasise(ripple(240, 240) + wave, 1.0)
    # The mean of 24 x 24 pixels holds no ripple.
    means = [torch.nn.functional.avg_pool2d(part, 24) for part in (found, wave)]
    torch.testing.assert_close(means[0], means[1], atol=0.006, rtol=0)


@each_case("scale", [1e-20, 1.0, 1e10])
def test_the_size_of_detail_stays_whatever_it_is(scale: float) -> None:
    gradient = ripple() * scale
    found = emphasise(gradient, 2.0)
    assert float(found.double().square().mean().sqrt() / scale) == pytest.approx(5**0.5, rel=0.01)


def test_detail_neither_leaves_its_region_nor_reaches_another_image() -> None:
    gradient = ripple()
    inside = torch.zeros_like(gradient)
    inside[:, :, 20:60, 30:70] = gradient[:, :, 20:60, 30:70]
    assert torch.equal(emphasise(inside, 1.0) == 0, inside == 0)
    both = torch.cat([gradient, 1000 * ripple(strong=7.0)])
    torch.testing.assert_close(emphasise(both, 1.0)[:1], emphasise(both[:1], 1.0))


def test_nothing_stays_nothing_and_no_number_stays_none() -> None:
    assert emphasise(torch.zeros(1, 3, 40, 40), 1.0).abs().max() == 0
    broken = ripple()
    broken = broken.clone()
    broken[0, 0, 3, 3] = torch.nan
    assert emphasise(broken, 1.0).isnan().any()


@each_case("shape", [(16, 16), (16, 300), (301, 17), (1, 1)])
def test_canvases_of_any_shape(shape: tuple[int, int]) -> None:
    gradient = torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(0))
    assert emphasise(gradient, 1.0).shape == gradient.shape
    assert emphasise(gradient, 1.0).isfinite().all()
