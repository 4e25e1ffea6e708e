"""Denoising by total variation."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from skimage import data
from skimage.restoration import denoise_tv_chambolle
from torch import Tensor

from cases import each_case
from das_core.denoisers.total_variation import TotalVariation
from stops import assert_ends_anywhere, count_looks

NOISY = (
    torch.linspace(0.2, 0.8, 21).expand(1, 3, 17, 21)
    + 0.05 * torch.randn(1, 3, 17, 21, generator=torch.Generator().manual_seed(0))
).clamp(0, 1)
"""A picture (1, 3, 17, 21) that becomes lighter from left to right, with noise of a standard deviation of 0.05."""


def noisy_coffee() -> Tensor:
    photo = torch.from_numpy(data.coffee()[100:164, 200:272]).permute(2, 0, 1)[None] / 255
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    return (photo + 0.05 * noise).clamp(0, 1)


def energy(image: Tensor, target: Tensor, weight: float, *, tile: bool = False) -> float:
    """What is minimised, in NumPy and double precision."""
    u, x = image.double().numpy(), target.double().numpy()
    down, right = np.roll(u, -1, axis=2) - u, np.roll(u, -1, axis=3) - u
    if not tile:
        down[:, :, -1], right[..., -1] = 0, 0
    lengths = np.sqrt((down**2 + right**2).sum(axis=1))
    return float(((u - x) ** 2).sum() / 2 + weight * lengths.sum())


def test_equal_channels_are_denoised_as_by_scikit_image() -> None:
    # Three equal channels share a length that is the root of three times that of one.
    gray = noisy_coffee().mean(dim=1, keepdim=True)
    ours = TotalVariation(rounds=400)(gray.expand(-1, 3, -1, -1), strength=0.1)[0, 0]
    theirs = denoise_tv_chambolle(gray[0, 0].numpy(), weight=0.1 / 3**0.5, eps=1e-9, max_num_iter=4000)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3)


@each_case("tile", False, True)
def test_it_is_the_minimum_of_the_energy(tile: bool) -> None:
    noisy = noisy_coffee()
    found = TotalVariation(rounds=400)(noisy, 0.05, tile=tile)
    least = energy(found, noisy, 0.05, tile=tile)
    assert least < 0.8 * energy(noisy, noisy, 0.05, tile=tile)
    generator = torch.Generator().manual_seed(1)
    for size in (1e-3, 1e-2):
        for other in (noisy, found.mean(dim=(2, 3), keepdim=True), torch.rand(noisy.shape, generator=generator)):
            assert energy(found.lerp(other, size), noisy, 0.05, tile=tile) > least


@each_case(("strength", "scale"), (0.02, 1.0), (0.03, 1.0), (0.02, 2.0))
def test_the_usual_rounds_come_near_to_the_minimum(strength: float, scale: float) -> None:
    noisy = noisy_coffee()
    usual, least = (TotalVariation(**rounds)(noisy, strength, scale) for rounds in ({}, {"rounds": 400}))
    assert energy(usual, noisy, strength * scale) < 1.05 * energy(least, noisy, strength * scale)
    # A scale is a weight that grows with it.
    strong = TotalVariation(rounds=math.ceil(400 * scale))(noisy, strength * scale)
    torch.testing.assert_close(least, strong, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="rounds 0 is not a whole number from 1 up"):
        TotalVariation(rounds=0)


def test_the_edges_of_a_tile_meet() -> None:
    noisy = noisy_coffee()
    shift = {"shifts": (5, -9), "dims": (2, 3)}
    moved = TotalVariation()(noisy.roll(**shift), 0.05, tile=True)
    torch.testing.assert_close(moved, TotalVariation()(noisy, 0.05, tile=True).roll(**shift))


@each_case("scale, tile", *product([0.3, 1.0, 4.6], [False, True]))
def test_plain_colour_stays_and_noise_is_less(scale: float, tile: bool) -> None:
    plain = torch.tensor([0.0, 0.4, 1.0]).reshape(1, 3, 1, 1).expand(2, 3, 18, 19)
    torch.testing.assert_close(TotalVariation()(plain, 0.05, scale, tile), plain.contiguous(), atol=1e-5, rtol=0)
    assert TotalVariation()(NOISY, 0.05, scale, tile).diff(dim=2).std() < 0.85 * NOISY.diff(dim=2).std()


def test_an_edge_higher_than_the_strength_stays_and_at_strength_0_nothing_changes() -> None:
    edge = torch.full((1, 3, 24, 24), 0.1)
    edge[..., 12:] = 0.9
    found = TotalVariation()(edge, 0.03)
    assert float((found[..., 12] - found[..., 11]).min()) > 0.7
    assert torch.equal(TotalVariation()(NOISY, 0.0), NOISY)


@each_case("tile", False, True)
def test_images_of_a_batch_are_denoised_one_by_one_to_the_same_bits_and_can_be_stopped(
    tile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.rand(3, 3, 33, 40, generator=torch.Generator().manual_seed(0))
    before, denoise = images.clone(), lambda: TotalVariation()(images, 0.05, 1.6, tile)
    whole, together = denoise(), count_looks(denoise)
    assert torch.equal(images, before)
    assert torch.equal(TotalVariation()(images[1:2], 0.05, 1.6, tile), whole[1:2])
    monkeypatch.setattr("das_core.common.images._MOST_AT_ONCE", 0)
    assert torch.equal(denoise(), whole)
    assert assert_ends_anywhere(denoise) > 2 * together
