"""The spectral form: how near it is to the exact one, and the response by definition."""

import numpy as np
import pytest
import scipy.fft
import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.levels import level_shape, linear_levels
from das_core.stack.levels_operator import LevelsOperator
from das_core.stack.spectral_operator import SpectralOperator, compute_spectral_response
from stops import assert_ends_anywhere

CPU = torch.device("cpu")


def pink(canvas: Shape) -> Tensor:
    """Noise with the spectrum of photographs: amplitude falls as one over frequency."""
    white = torch.fft.rfft2(torch.randn(1, 3, *canvas, generator=torch.Generator().manual_seed(1)))
    rows, columns = torch.fft.fftfreq(canvas[0])[:, None], torch.fft.rfftfreq(canvas[1])[None, :]
    frequency = (rows.square() + columns.square()).sqrt()
    frequency[0, 0] = 1 / max(canvas)
    return torch.fft.irfft2(white / frequency, s=canvas)


@each_case(("canvas", "step"), ((168, 168), 4), ((224, 160), 4), ((112, 80), 1))
def test_spectral_points_where_exact_does(canvas: Shape, step: int) -> None:
    """For gradients with a white spectrum and with that of photographs."""
    levels = linear_levels(max(canvas), step)
    gradients = torch.cat([torch.randn(1, 3, *canvas), pink(canvas)])
    near, far = (form(canvas, levels, CPU).precondition(gradients) for form in (SpectralOperator, LevelsOperator))
    assert torch.cosine_similarity(near.flatten(1), far.flatten(1), dim=1).min() > 0.99


@each_case("canvas", (12, 20), (20, 12), (15, 15))
def test_the_response_is_what_shrinking_leaves_of_every_cosine(canvas: Shape) -> None:
    """The definition, with cosines of SciPy and the interpolation of torch, both in float64."""
    levels, gains = (1, 4, 9, max(canvas)), (1.0, 0.5, 2.0, 3.0)
    cosines = [torch.from_numpy(scipy.fft.idct(np.eye(side), axis=1, norm="ortho")) for side in canvas]
    expected = torch.zeros(canvas, dtype=torch.float64)
    for level, gain in zip(levels, gains, strict=True):
        kept = []
        for side, size, waves in zip(canvas, level_shape(level, canvas), cosines, strict=True):
            units = torch.eye(size, dtype=torch.float64)[:, None, :, None].expand(-1, 1, -1, 4)
            matrix = F.interpolate(units, size=(side, 4), mode="bicubic", align_corners=False)[:, 0, :, 0]
            kept.append((matrix @ waves.T).square().sum(dim=0))
        expected += gain**2 * torch.outer(*kept)
    response = compute_spectral_response(canvas, levels, gains=gains)
    assert response.dtype == torch.float32
    torch.testing.assert_close(response.double(), expected, rtol=1e-4, atol=1e-4)
    # K multiplies the coefficients by it.
    gradient = torch.randn(1, 3, *canvas)
    coefficients = scipy.fft.dctn(gradient.numpy(), axes=(2, 3), norm="ortho")
    moved = scipy.fft.idctn(coefficients * compute_spectral_response(canvas, levels).numpy(), axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(SpectralOperator(canvas, levels, CPU).precondition(gradient), moved, rtol=0, atol=1e-3)


@each_case("tile", False, True)
def test_the_finest_level_passes_every_frequency_alike_and_the_coarsest_the_mean_alone(tile: bool) -> None:
    response = compute_spectral_response((12, 17), (17,), tile, (3.0,))
    assert response.shape == ((12, 9) if tile else (12, 17))
    torch.testing.assert_close(response, torch.full_like(response, 9.0))
    response = compute_spectral_response((12, 17), (1,), tile, (0.5,))
    expected = torch.zeros_like(response)
    expected[0, 0] = 0.25 * 12 * 17
    torch.testing.assert_close(response, expected, rtol=1e-5, atol=1e-4)


def test_the_gradient_of_least_norm_gives_the_canvas_where_k_reaches_and_is_zero_elsewhere() -> None:
    canvas = torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    k = SpectralOperator((24, 32), (1, 5, 32), CPU)
    torch.testing.assert_close(k.precondition(k.invert(canvas)), canvas, rtol=0, atol=1e-4)
    k = SpectralOperator((24, 32), (1,), CPU)
    mean = canvas.mean(dim=(2, 3), keepdim=True).expand_as(canvas)
    # Level 1 moves every pixel by the sum of the gradient, which K+ undoes for the mean and nothing else.
    torch.testing.assert_close(k.invert(canvas), mean / (24 * 32), rtol=1e-4, atol=1e-7)


@each_case("tile", False, True)
def test_the_response_can_be_ended_at_every_level_and_within_large_ones(
    tile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute() -> Tensor:
        return compute_spectral_response((48, 40), (1, 8, 17, 31, 48), tile)

    whole = compute()
    looks = assert_ends_anywhere(compute)
    monkeypatch.setattr("das_core.stack.spectral_operator._MOST_AT_ONCE", 10 * 48)
    torch.testing.assert_close(compute(), whole, rtol=1e-6, atol=0)
    assert looks > 5
    assert assert_ends_anywhere(compute) > looks + 10


@each_case("tile", False, True)
@each_case("canvas", (100, 75), (40, 131))
def test_a_level_of_many_samples_has_the_response_of_its_samples_one_by_one(
    canvas: Shape, tile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for level in (max(canvas) // 2, 4 * max(canvas) // 5, max(canvas) - 1, max(canvas)):
        found = []
        for many in (0, 10**9):
            monkeypatch.setattr("das_core.stack.spectral_operator._MANY_SAMPLES", many)
            found.append(compute_spectral_response(canvas, (level,), tile))
        torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6 * float(found[1].max()))
