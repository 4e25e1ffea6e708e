"""OKLab, k-means and dithering, against published numbers, scikit-learn and the mean of a picture."""

import numpy as np
import torch
from sklearn.cluster import KMeans

from das_core.looks.colors import find_numbers, find_palette, to_oklab
from photographs import load_photograph


def test_oklab_is_that_of_its_author() -> None:
    colors = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    known = [[1, 0, 0], [0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.1795], [0.45201, -0.03246, -0.31153]]
    assert torch.allclose(to_oklab(colors), torch.tensor(known), atol=2e-4)


def test_the_palette_is_about_as_good_as_that_of_scikit_learn() -> None:
    photo = load_photograph("cat", 64)
    places = to_oklab(photo.permute(0, 2, 3, 1).reshape(-1, 3))
    ours = torch.cdist(places, to_oklab(find_palette(photo, 12))).amin(dim=1).square().sum()
    theirs = KMeans(12, n_init=4, random_state=0).fit(np.asarray(places)).inertia_
    assert ours < 1.25 * theirs


def test_dithering_keeps_the_mean_of_a_tone_between_two_colours() -> None:
    colors = torch.tensor([[0.2] * 3, [0.6] * 3])
    for tone in (0.3, 0.5):
        flat = torch.full((1, 3, 32, 32), tone)
        for dither in ("ordered", "diffusion"):
            share = float(find_numbers(flat, colors, dither).float().mean())
            assert abs(share - (tone - 0.2) / 0.4) < 0.1
