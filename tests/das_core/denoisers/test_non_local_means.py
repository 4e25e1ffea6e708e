"""Non-local means, against a slow program of its own."""

import itertools
import math

import numpy as np
import pytest

from cases import each_case
from das_core.denoisers.non_local_means import NonLocalMeans
from noisy_ramp import NOISY


@each_case(("scale", "half", "step"), [(1.0, 1, 1), (2.0, 2, 2)])
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


@each_case("radius", [0, 9])
def test_radii_out_of_range_are_refused(radius: int) -> None:
    with pytest.raises(ValueError, match=f"a radius of {radius} is not between"):
        NonLocalMeans(radius)
