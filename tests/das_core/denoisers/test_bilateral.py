"""The bilateral filter, against a slow program of its own."""

import itertools
import math

import numpy as np
import pytest

from cases import each_case
from das_core.denoisers.bilateral import Bilateral
from noisy_ramp import NOISY


@each_case("tile", [False, True])
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


@each_case("width", [0.1, 9.0, math.nan])
def test_widths_out_of_range_are_refused(width: float) -> None:
    with pytest.raises(ValueError, match=f"a width of {width} pixels is not between"):
        Bilateral(width)
