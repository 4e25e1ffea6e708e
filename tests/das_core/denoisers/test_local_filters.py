"""What bilateral filter, non-local means and cosine shrinkage compute, against slow programs of their own."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from das_core.denoisers.base import Denoiser
from das_core.denoisers.bilateral import Bilateral
from das_core.denoisers.cosine_shrinkage import CosineShrinkage
from das_core.denoisers.non_local_means import NonLocalMeans
from das_core.denoisers.total_variation import TotalVariation

ALL: list[Denoiser] = [TotalVariation(), Bilateral(), NonLocalMeans(), CosineShrinkage()]
NOISY = (
    torch.linspace(0.2, 0.8, 21).expand(1, 3, 17, 21)
    + 0.05 * torch.randn(1, 3, 17, 21, generator=torch.Generator().manual_seed(0))
).clamp(0, 1)


@pytest.mark.parametrize("tile", [False, True])
def test_the_bilateral_filter_is_its_formula(tile: bool) -> None:
    strength, width, reach = 0.05, 1.5, 3
    mode = "wrap" if tile else "edge"
    padded = np.pad(NOISY[0].double().numpy(), [(0, 0), (reach, reach), (reach, reach)], mode=mode)
    expected = np.zeros(NOISY.shape[1:])
    for row, column in itertools.product(range(17), range(21)):
        here = padded[:, row + reach, column + reach]
        total, weights = np.zeros(3), 0.0
        for down, right in itertools.product(range(-reach, reach + 1), repeat=2):
            there = padded[:, row + reach + down, column + reach + right]
            far = (down**2 + right**2) / (2 * width**2)
            weight = math.exp(-far - ((there - here) ** 2).mean() / (2 * (2 * strength) ** 2))
            total, weights = total + weight * there, weights + weight
        expected[:, row, column] = total / weights
    np.testing.assert_allclose(Bilateral(width)(NOISY, strength, tile=tile)[0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("scale", "half", "step"), [(1.0, 1, 1), (2.0, 2, 2)])
def test_non_local_means_is_its_formula(scale: float, half: int, step: int) -> None:
    strength, radius = 0.05, 2
    reach = radius * step + half
    padded = np.pad(NOISY[0].double().numpy(), [(0, 0), (reach, reach), (reach, reach)], mode="wrap")

    def square(row: int, column: int) -> np.ndarray:
        return padded[:, row - half : row + half + 1, column - half : column + half + 1]

    expected = np.zeros(NOISY.shape[1:])
    for row, column in itertools.product(range(17), range(21)):
        total, weights = np.zeros(3), 0.0
        for down, right in itertools.product(range(-radius, radius + 1), repeat=2):
            y, x = row + reach, column + reach
            alike = ((square(y, x) - square(y + down * step, x + right * step)) ** 2).mean()
            weight = math.exp(-max(alike - 2 * strength**2, 0) / strength**2)
            total, weights = total + weight * padded[:, y + down * step, x + right * step], weights + weight
        expected[:, row, column] = total / weights
    found = NonLocalMeans(radius)(NOISY, strength, scale, tile=True)[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("scale", "block"), [(1.0, 8), (0.5, 4)])
def test_cosine_shrinkage_is_its_formula(scale: float, block: int) -> None:
    strength, hop = 0.04, block // 2
    padded = np.pad(NOISY[0].double().numpy(), [(0, 0), (hop, 2 * block), (hop, 2 * block)], mode="edge")
    total = np.zeros_like(padded)
    for row, column in itertools.product(range(0, hop + 17, hop), range(0, hop + 21, hop)):
        where = np.s_[:, row : row + block, column : column + block]
        waves = dctn(padded[where], axes=(1, 2), norm="ortho")
        mean = waves[:, 0, 0].copy()
        waves[np.abs(waves) <= 3 * strength] = 0
        waves[:, 0, 0] = mean
        total[where] += idctn(waves, axes=(1, 2), norm="ortho") / 4
    found = CosineShrinkage()(NOISY, strength, scale)[0]
    np.testing.assert_allclose(found.numpy(), total[:, hop : hop + 17, hop : hop + 21], atol=1e-5)


@pytest.mark.parametrize("denoiser", ALL, ids=lambda denoiser: denoiser.name)
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.6])
@pytest.mark.parametrize("tile", [False, True])
def test_plain_colour_stays_and_noise_is_less(denoiser: Denoiser, scale: float, tile: bool) -> None:
    plain = torch.tensor([0.0, 0.4, 1.0]).reshape(1, 3, 1, 1).expand(2, 3, 18, 19)
    torch.testing.assert_close(denoiser(plain, 0.05, scale, tile), plain.contiguous(), atol=1e-5, rtol=0)
    noisy = NOISY[..., :8].mean(dim=(2, 3), keepdim=True) + (NOISY - NOISY.mean(dim=2, keepdim=True))
    assert denoiser(noisy, 0.05, scale, tile).std() < 0.85 * noisy.std()


@pytest.mark.parametrize("denoiser", ALL, ids=lambda denoiser: denoiser.name)
def test_an_edge_higher_than_the_strength_stays(denoiser: Denoiser) -> None:
    edge = torch.full((1, 3, 24, 24), 0.1)
    edge[..., 12:] = 0.9
    found = denoiser(edge, 0.03)
    assert float((found[..., 12] - found[..., 11]).min()) > 0.7


@pytest.mark.parametrize("denoiser", ALL, ids=lambda denoiser: denoiser.name)
def test_nothing_happens_at_strength_0_and_what_comes_in_is_not_changed(denoiser: Denoiser) -> None:
    before = NOISY.clone()
    assert torch.equal(denoiser(NOISY, 0.0), before)
    denoiser(NOISY, 0.1)
    assert torch.equal(NOISY, before)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Bilateral(0.1), "width of 0.1 pixels"),
        (lambda: Bilateral(math.nan), "width of nan pixels"),
        (lambda: NonLocalMeans(0), "radius of 0"),
        (lambda: NonLocalMeans(9), "radius of 9"),
    ],
)
def test_settings_out_of_range_are_refused(make: type, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()
