"""Stained glass against scikit-image's superpixels, its lead, and the triangles of a low poly."""

import numpy as np
import torch
from skimage.segmentation import slic

from das_core.looks.regions import Glass, LowPoly, find_superpixels, find_triangles
from photographs import load_photograph

PHOTO = load_photograph("cat", 96)


def _measure_spread(picture: torch.Tensor, numbers: np.ndarray) -> float:
    """Return the mean squared distance of pixels from the mean of their region."""
    values, flat = picture.flatten(1).numpy(), np.unique(numbers, return_inverse=True)[1].ravel()
    sizes = np.bincount(flat)
    means = np.stack([np.bincount(flat, weights=one) / sizes for one in values])
    return float(((means[:, flat] - values) ** 2).sum(axis=0).mean())


def test_superpixels_are_as_good_as_those_of_scikit_image() -> None:
    numbers, colors = find_superpixels(PHOTO, 8, 0.2)
    theirs = slic(PHOTO[0].permute(1, 2, 0).numpy(), n_segments=144, compactness=10, channel_axis=2)
    assert len(numbers.unique()) <= 144
    assert abs(len(np.unique(theirs)) - 144) < 40
    assert _measure_spread(PHOTO[0], numbers[0].numpy()) < 1.2 * _measure_spread(PHOTO[0], theirs)
    chosen = PHOTO[0][:, numbers[0] == 70].mean(dim=1)
    assert torch.allclose(colors[0].flatten(1)[:, 70], chosen, atol=1e-5)


def test_glass_has_pieces_of_one_colour_and_lead_between_them() -> None:
    window = Glass(12, lead=0)(PHOTO)
    assert window.flatten(2)[0].unique(dim=1).shape[1] <= 144
    leaded = Glass(12, lead=4, color="#000000")(PHOTO)
    dark = (leaded == 0).all(dim=1)
    assert 0.1 < dark.float().mean() < 0.5
    assert torch.equal(leaded[:, :, ~dark[0]], window[:, :, ~dark[0]])


def test_triangles_fill_the_picture_and_have_the_mean_of_their_pixels() -> None:
    triangles, numbers = find_triangles(PHOTO[0], 12)
    made = LowPoly(8)(PHOTO)
    assert numbers.shape == (96, 96)
    assert numbers.max() < len(triangles.triangles)
    one = torch.from_numpy(numbers == np.bincount(numbers.ravel()).argmax())
    assert torch.allclose(
        made[0][:, one], PHOTO[0][:, one].mean(dim=1, keepdim=True).expand(-1, int(one.sum())), atol=1e-5
    )
    assert _measure_spread(PHOTO[0], numbers) < 0.6 * _measure_spread(
        PHOTO[0], np.arange(9216).reshape(96, 96) // 12 % 8
    )
