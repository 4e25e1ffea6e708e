import itertools
import math

import numpy as np
import pytest
import scipy.fft
import torch

from cases import each_case
from das_core.stack.bases import Basis, CosineBasis, FourierBasis, make_basis

CPU = torch.device("cpu")


@each_case("shape", [(8, 8), (12, 31), (1, 5), (2, 3), (337, 640), (20, 13), (15, 16), (2, 1), (640, 337)])
def test_cosine_coefficients_are_the_orthonormal_dct_of_scipy_and_inverse_undoes_forward(
    shape: tuple[int, int],
) -> None:
    images = np.random.default_rng(0).normal(size=(2, 3, *shape)).astype(np.float32)
    expected = scipy.fft.dctn(images, axes=(2, 3), norm="ortho")
    basis = CosineBasis(*shape, CPU)
    coefficients = basis.forward(torch.from_numpy(images))
    np.testing.assert_allclose(coefficients.numpy(), expected, atol=1e-5)
    torch.testing.assert_close(basis.inverse(coefficients), torch.from_numpy(images), rtol=0, atol=1e-5)


def test_fourier_coefficients_are_those_of_orthonormal_waves_and_inverse_undoes_forward() -> None:
    for shape in ((20, 13), (15, 16), (1, 5)):
        images = torch.randn(2, 3, *shape)
        basis = FourierBasis(*shape, CPU)
        coefficients = basis.forward(images)
        energy = torch.fft.fft2(images, norm="ortho").abs().square().sum()
        torch.testing.assert_close(images.square().sum(), energy)
        assert coefficients.shape == (2, 3, shape[0], shape[1] // 2 + 1)
        torch.testing.assert_close(basis.inverse(coefficients), images, rtol=0, atol=1e-5)


@each_case("shape", [(8, 8), (12, 31), (7, 10), (1, 5)])
@each_case("kind", [CosineBasis, FourierBasis])
def test_a_filter_multiplies_every_coefficient(kind: type[Basis], shape: tuple[int, int]) -> None:
    """Against SciPy and NumPy in double precision."""
    draw = np.random.default_rng(1)
    images = draw.normal(size=(2, 3, *shape))
    if kind is CosineBasis:
        response = draw.random(shape)
        expected = scipy.fft.idctn(
            scipy.fft.dctn(images, axes=(2, 3), norm="ortho") * response, axes=(2, 3), norm="ortho"
        )
    else:
        response = draw.random((shape[0], shape[1] // 2 + 1))
        expected = np.fft.irfft2(np.fft.rfft2(images) * response, s=shape)
    filtered = kind(*shape, CPU).filter(torch.from_numpy(images).float(), torch.from_numpy(response).float())
    np.testing.assert_allclose(filtered.numpy(), expected, atol=1e-5)


@each_case("kind", [CosineBasis, FourierBasis])
def test_a_filter_of_all_images_at_once_is_that_of_each_plane(kind: type[Basis]) -> None:
    """The path of a GPU, which takes all planes at once, against that of a CPU."""
    basis = kind(12, 17, CPU)
    images = torch.randn(2, 3, 12, 17, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    response = basis.gaussian(6.0)
    at_once = basis.apply_response(images, basis.arrange(response))
    torch.testing.assert_close(at_once, basis.filter(images, response), rtol=0, atol=1e-6)
    assert torch.equal(images, before)


@each_case("kind", [CosineBasis, FourierBasis])
def test_waves_are_counted_in_half_waves(kind: type[Basis]) -> None:
    """An image of so many half-waves down and across has its energy at the coefficient that says so."""
    height, width, down, across = 16, 24, 6, 4
    basis = kind(height, width, CPU)
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    image = torch.outer(torch.cos(math.pi * down * rows / height), torch.cos(math.pi * across * columns / width))
    energy = basis.forward(image[None]).abs().square()[0]
    there = (basis.row_waves.abs() == down)[:, None] & (basis.column_waves.abs() == across)[None, :]
    torch.testing.assert_close(energy[there].sum(), energy.sum())


@each_case(
    ("kind", "places"),
    [
        # Ten half-waves across the short side are twenty across the long one: the same wavelength, the same response.
        (CosineBasis, [(10, 0), (0, 20)]),
        # Five waves across the short side are ten half-waves; as many pixels long are ten waves across the long one.
        (FourierBasis, [(5, 0), (-5, 0), (0, 10)]),
    ],
)
def test_gaussian_counts_half_waves_across_the_short_side(kind: type[Basis], places: list[tuple[int, int]]) -> None:
    response = kind(100, 200, CPU).gaussian(10.0)
    assert response[0, 0] == 1
    for row, column in places:
        torch.testing.assert_close(response[row, column], torch.tensor(-0.5).exp())


def test_the_tail_of_a_gaussian_is_zero_and_not_a_denormal_number() -> None:
    response = CosineBasis(64, 64, CPU).gaussian(2.0)
    assert response[-1, -1] == 0
    assert float(response[response > 0].min()) > 1e-12


@each_case("kind", [CosineBasis, FourierBasis])
def test_a_tilt_falls_by_the_slope_for_every_frequency_beyond_one_wave(kind: type[Basis]) -> None:
    height, width, slope = 20, 40, 1.5
    basis = kind(height, width, CPU)
    response = basis.tilt(slope)
    # Cycles for as many pixels as the short side has; every coefficient by itself.
    for row, column in itertools.product(range(0, height, 3), range(0, len(response[0]), 3)):
        cycles = math.hypot(basis.row_waves[row] / 2, basis.column_waves[column] / 2 * height / width)
        assert float(response[row, column]) == pytest.approx(max(1.0, cycles) ** -slope, rel=1e-5)


def test_low_pass_keeps_the_mean_and_flattens_noise() -> None:
    basis = CosineBasis(64, 64, CPU)
    noise = torch.randn(1, 3, 64, 64) + 2
    smooth = basis.filter(noise, basis.gaussian(4.0))
    torch.testing.assert_close(smooth.mean(), noise.mean(), rtol=1e-5, atol=1e-5)
    assert smooth.std() < 0.2 * noise.std()


def test_a_filter_of_a_tile_commutes_with_rolling_it() -> None:
    basis = FourierBasis(12, 18, CPU)
    image, response = torch.randn(1, 3, 12, 18), basis.gaussian(5.0)
    rolled = basis.filter(image.roll((5, 7), (2, 3)), response)
    torch.testing.assert_close(rolled, basis.filter(image, response).roll((5, 7), (2, 3)), rtol=0, atol=1e-5)


@each_case(("tile", "kind"), [(False, CosineBasis), (True, FourierBasis)])
def test_a_canvas_has_the_basis_of_its_edges(tile: bool, kind: type[Basis]) -> None:
    basis = make_basis((12, 18), CPU, tile)
    assert type(basis) is kind
    assert (basis.height, basis.width, basis.device) == (12, 18, CPU)
