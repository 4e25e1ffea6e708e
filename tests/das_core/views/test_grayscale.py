import math

import numpy as np
import pytest
import torch

from cases import each_case
from das_core.views.grayscale import Grayscale
from toys import make_draws, random_views


def test_about_a_share_of_the_views_is_grey_by_the_luminance_of_rec_601_and_the_others_are_as_they_were() -> None:
    views = random_views(12, 6)
    made = Grayscale(1.0)(views, make_draws(6))
    expected = np.einsum("c,nchw->nhw", np.array([0.2989, 0.587, 0.114]), views.numpy())
    np.testing.assert_allclose(made.numpy(), np.repeat(expected[:, None], 3, axis=1), atol=1e-6)
    views = random_views(4, 400)
    made = Grayscale(0.25)(views, make_draws(400))
    is_grey = (made == made[:, :1]).all(dim=1).all(dim=2).all(dim=1)
    assert 70 <= int(is_grey.sum()) <= 130
    assert torch.equal(made[~is_grey], views[~is_grey])
    assert Grayscale(0.0)(views, make_draws(400)) is views


@each_case("probability", -0.1, 1.1, math.nan)
def test_a_grayscale_that_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        Grayscale(probability)
