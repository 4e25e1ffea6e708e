import numpy as np
import pytest
import scipy.fft
import torch

from das_core.stack.bases import CosineBasis

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(8, 8), (12, 31), (1, 5), (2, 3), (337, 640)])
def test_forward_is_the_orthonormal_dct_of_scipy(shape: tuple[int, int]) -> None:
    images = np.random.default_rng(0).normal(size=(2, 3, *shape)).astype(np.float32)
    expected = scipy.fft.dctn(images, axes=(2, 3), norm="ortho")
    coefficients = CosineBasis(*shape, CPU).forward(torch.from_numpy(images))
    np.testing.assert_allclose(coefficients.numpy(), expected, atol=1e-5)


def test_inverse_undoes_forward() -> None:
    for shape in ((20, 13), (15, 16), (1, 5), (2, 1), (640, 337)):
        images = torch.randn(1, 3, *shape)
        basis = CosineBasis(*shape, CPU)
        torch.testing.assert_close(basis.inverse(basis.forward(images)), images, rtol=0, atol=1e-5)


def test_gaussian_counts_frequencies_per_length() -> None:
    basis = CosineBasis(100, 200, CPU)
    response = basis.gaussian(10.0)
    assert response[0, 0] == 1
    # Ten half-waves across the short side are twenty across the long one: the same wavelength, the same response.
    torch.testing.assert_close(response[10, 0], torch.tensor(-0.5).exp())
    torch.testing.assert_close(response[0, 20], torch.tensor(-0.5).exp())


def test_low_pass_keeps_the_mean_and_flattens_noise() -> None:
    basis = CosineBasis(64, 64, CPU)
    noise = torch.randn(1, 3, 64, 64) + 2
    smooth = basis.filter(noise, basis.gaussian(4.0))
    torch.testing.assert_close(smooth.mean(), noise.mean(), rtol=1e-5, atol=1e-5)
    assert smooth.std() < 0.2 * noise.std()
