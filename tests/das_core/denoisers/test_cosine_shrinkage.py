"""Shrinkage of cosine waves, against SciPy."""

import itertools

import numpy as np
from scipy.fft import dctn, idctn

from cases import each_case
from das_core.denoisers.cosine_shrinkage import CosineShrinkage
from noisy_ramp import NOISY


@each_case(("scale", "block"), [(1.0, 8), (0.5, 4)])
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
