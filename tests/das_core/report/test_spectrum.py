"""Spectra of images: against NumPy, and slopes of noise that is made to have them."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.report.spectrum import estimate_spectrum_bytes, fit_slope, measure_spectrum


def noise(slope: float, height: int = 256, width: int = 256, seed: int = 0) -> Tensor:
    """Grey noise whose power falls as the frequency to this slope, made by NumPy."""
    white = np.random.default_rng(seed).standard_normal((height, width))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    radius[0, 0] = 1
    shaped = np.fft.ifft2(np.fft.fft2(white) * radius ** (slope / 2)).real
    return grey(0.5 + 0.1 * (shaped - shaped.mean()) / shaped.std())


def grey(image: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(image).float().expand(1, 3, -1, -1)


@each_case("seed", [0, 1, 2])
@each_case(("slope", "shape"), [(0, (256, 256)), (-2, (256, 256)), (-2, (200, 360)), (-3, (360, 200))])
def test_the_slope_of_noise_is_found(slope: float, shape: tuple[int, int], seed: int) -> None:
    found = measure_spectrum(noise(slope, *shape, seed=seed))
    assert found.slope.item() == pytest.approx(slope, abs=0.2)
    assert found.high.item() == pytest.approx(slope, abs=0.2)
    # A few rings of a few waves each.
    assert found.low.item() == pytest.approx(slope, abs=0.45)


def test_a_photograph_has_a_slope_of_about_minus_two_and_noise_of_two_bands_has_two() -> None:
    scene = torch.from_numpy(load_sample_image("china.jpg").copy()).movedim(-1, 0)[None] / 255
    assert measure_spectrum(scene).slope.item() == pytest.approx(-2, abs=0.2)
    height = width = 256
    white = np.random.default_rng(0).standard_normal((height, width))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    radius[0, 0] = 1
    amplitude = np.where(radius < 1 / 8, radius**-1.0, (1 / 8) ** -1.0 * (radius * 8) ** -2.0)
    found = measure_spectrum(grey(np.fft.ifft2(np.fft.fft2(white) * amplitude).real))
    assert found.low.item() == pytest.approx(-2, abs=0.45)
    assert found.high.item() == pytest.approx(-4, abs=0.2)


def test_the_power_in_every_ring_is_that_of_numpy_and_that_of_a_wave_lies_at_its_frequency() -> None:
    image = np.random.default_rng(1).random((3, 96, 128))
    found = measure_spectrum(torch.from_numpy(image)[None].float())
    luma = np.tensordot([0.299, 0.587, 0.114], image.astype(np.float32), axes=1)
    luma = luma - luma.mean()
    # The periodic window, as the transform is.
    window = np.outer(np.hanning(97)[:-1], np.hanning(129)[:-1])
    power = np.abs(np.fft.fft2(luma * window)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(128)[None, :])
    step = 2**0.25
    for frequency, expected in zip(found.frequency.tolist(), found.power[0].tolist(), strict=True):
        ring = (radius >= frequency / step**0.5 * (1 - 1e-9)) & (radius < frequency * step**0.5 * (1 - 1e-9))
        assert power[ring].mean() == pytest.approx(expected, rel=1e-5)
    wave = np.sin(2 * np.pi * 0.2 * np.arange(160))[None, :].repeat(160, axis=0)
    found = measure_spectrum(grey(0.5 + 0.2 * wave))
    peak = found.power[0].argmax()
    assert found.frequency[peak].item() == pytest.approx(0.2, rel=0.1)
    assert found.power[0].median() < 1e-6 * found.power[0, peak]


def test_every_image_of_a_batch_has_its_own_slope_which_is_that_of_polyfit() -> None:
    both = measure_spectrum(torch.cat([noise(0), noise(-2)]))
    assert both.slope.tolist() == pytest.approx([measure_spectrum(noise(s)).slope.item() for s in (0, -2)], abs=1e-6)
    x, y = np.arange(1.0, 9), np.random.default_rng(0).random((2, 8)) + 0.1
    expected = np.polyfit(np.log(x), np.log(y).T, 1)[0]
    torch.testing.assert_close(fit_slope(torch.from_numpy(x), torch.from_numpy(y)), torch.from_numpy(expected))


def test_what_has_no_spectrum_is_named() -> None:
    with pytest.raises(ValueError, match="the image of 80 x 63 is too small for a spectrum; 64 pixels"):
        measure_spectrum(torch.rand(1, 3, 63, 80))
    with pytest.raises(ValueError, match="the image is of one brightness all over"):
        measure_spectrum(torch.full((1, 3, 64, 64), 0.3))
    with pytest.raises(ValueError, match=r"the image holds 1 values that are NaN"):
        measure_spectrum(torch.rand(1, 3, 64, 64).index_put((torch.tensor(0),) * 4, torch.tensor(float("nan"))))


def test_the_estimate_of_the_memory_holds_for_any_number_of_images() -> None:
    images = torch.rand(3, 3, 700, 500, generator=torch.Generator().manual_seed(0))
    with PeakBytes() as made:
        measure_spectrum(images)
    # The images themselves count as made, because their channels are.
    used = made.peak - images.nbytes
    assert used < estimate_spectrum_bytes(700, 500) < 2 * used
