import torch

from das_core.stack.bases import FourierBasis

CPU = torch.device("cpu")


def test_coefficients_are_those_of_orthonormal_waves_and_inverse_undoes_forward() -> None:
    for shape in ((20, 13), (15, 16), (1, 5)):
        images = torch.randn(2, 3, *shape)
        basis = FourierBasis(*shape, CPU)
        coefficients = basis.forward(images)
        energy = torch.fft.fft2(images, norm="ortho").abs().square().sum()
        torch.testing.assert_close(images.square().sum(), energy)
        assert coefficients.shape == (2, 3, shape[0], shape[1] // 2 + 1)
        torch.testing.assert_close(basis.inverse(coefficients), images, rtol=0, atol=1e-5)


def test_gaussian_counts_half_waves_across_the_short_side() -> None:
    basis = FourierBasis(100, 200, CPU)
    response = basis.gaussian(10.0)
    assert response[0, 0] == 1
    # Five waves across the short side are ten half-waves; as many pixels long are ten waves across the long one.
    for row, column in ((5, 0), (-5, 0), (0, 10)):
        torch.testing.assert_close(response[row, column], torch.tensor(-0.5).exp())
