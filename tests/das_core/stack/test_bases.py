import itertools
import math

import numpy as np
import pytest
import scipy.fft
import torch

from cases import each_case
from das_core.stack.bases import Basis, CosineBasis, FourierBasis, make_basis

CPU = torch.device("cpu")
KINDS = [CosineBasis, FourierBasis]


@each_case("kind", *KINDS)
@each_case("shape", (8, 8), (12, 31), (1, 5), (2, 3), (20, 13), (2, 1), (337, 64))
def test_coefficients_and_filters_are_those_of_scipy(shape: tuple[int, int], kind: type[Basis]) -> None:
    draw = np.random.default_rng(0)
    images, basis = draw.normal(size=(2, 3, *shape)).astype(np.float32), kind(*shape, CPU)
    options = {"axes": (2, 3), "norm": "ortho"}
    if kind is CosineBasis:
        expected = scipy.fft.dctn(images, **options)
        response = draw.random(shape)
        filtered = scipy.fft.idctn(expected * response, **options)
    else:
        expected = np.fft.rfft2(images, norm="ortho")
        response = draw.random(expected.shape[2:])
        filtered = np.fft.irfft2(expected * response, s=shape, norm="ortho")
    given, factors = torch.from_numpy(images), torch.from_numpy(response).float()
    np.testing.assert_allclose(basis.forward(given).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(basis.filter(given, factors).numpy(), filtered, atol=1e-5)
    # The path of a GPU, which takes all planes at once.
    at_once = basis.apply_response(given, basis.arrange(factors))
    np.testing.assert_allclose(at_once.numpy(), filtered, atol=1e-5)
    assert np.array_equal(given.numpy(), images)


@each_case("kind", *KINDS)
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
    # Ten half-waves across the short side are twenty across the long one: the same wavelength, the same response.
    (CosineBasis, [(10, 0), (0, 20)]),
    # Five waves across the short side are ten half-waves; as many pixels long are ten waves across the long one.
    (FourierBasis, [(5, 0), (-5, 0), (0, 10)]),
)
def test_gaussian_counts_half_waves_across_the_short_side(kind: type[Basis], places: list[tuple[int, int]]) -> None:
    response = kind(100, 200, CPU).gaussian(10.0)
    assert response[0, 0] == 1
    for row, column in places:
        torch.testing.assert_close(response[row, column], torch.tensor(-0.5).exp())
    # The tail is zero and not a denormal number.
    assert response[50, -1] == 0
    assert float(response[response > 0].min()) > 1e-12


@each_case("kind", *KINDS)
def test_a_tilt_falls_by_the_slope_for_every_frequency_beyond_one_wave(kind: type[Basis]) -> None:
    height, width, slope = 20, 40, 1.5
    basis = kind(height, width, CPU)
    response = basis.tilt(slope)
    # Cycles for as many pixels as the short side has; every coefficient by itself.
    for row, column in itertools.product(range(0, height, 3), range(0, len(response[0]), 3)):
        cycles = math.hypot(basis.row_waves[row] / 2, basis.column_waves[column] / 2 * height / width)
        assert float(response[row, column]) == pytest.approx(max(1.0, cycles) ** -slope, rel=1e-5)


def test_a_canvas_has_the_basis_of_its_edges() -> None:
    made = [make_basis((12, 18), CPU, tile) for tile in (False, True)]
    assert [type(basis) for basis in made] == KINDS
    assert {(basis.height, basis.width, basis.device) for basis in made} == {(12, 18, CPU)}
