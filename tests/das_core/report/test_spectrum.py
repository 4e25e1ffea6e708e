import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from torch import Tensor

import das_core as da
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.common.radial_power import radial_power
from das_core.report.spectrum import estimate_spectrum_bytes, fit_slope, measure_level_variances
from toys import climb


def grey(image: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(image).float().expand(1, 3, -1, -1)


def shape_noise(amplitude: NDArray[np.float64], seed: int = 0) -> Tensor:
    """Grey noise, made by NumPy, with this amplitude at each frequency."""
    white = np.random.default_rng(seed).standard_normal(amplitude.shape)
    shaped = np.fft.ifft2(np.fft.fft2(white) * amplitude).real
    return grey(0.5 + 0.1 * (shaped - shaped.mean()) / shaped.std())


def noise(slope: float, height: int = 256, width: int = 256, seed: int = 0) -> Tensor:
    """Noise whose power falls as the frequency to this slope."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    radius[0, 0] = 1
    return shape_noise(radius ** (slope / 2), seed)


@each_case("seed", 0, 1)
@each_case(("slope", "shape"), (0, (256, 256)), (-2, (256, 256)), (-2, (200, 360)), (-3, (360, 200)))
def test_the_slope_of_noise_is_found(slope: float, shape: tuple[int, int], seed: int) -> None:
    found = da.measure_spectrum(noise(slope, *shape, seed=seed))
    assert found.slope.item() == pytest.approx(slope, abs=0.2)
    assert found.high.item() == pytest.approx(slope, abs=0.2)
    # A few rings of a few waves each.
    assert found.low.item() == pytest.approx(slope, abs=0.45)


def test_a_photograph_has_a_slope_of_about_minus_two_and_noise_of_two_bands_has_two() -> None:
    scene = torch.from_numpy(load_sample_image("china.jpg").copy()).movedim(-1, 0)[None] / 255
    assert da.measure_spectrum(scene).slope.item() == pytest.approx(-2, abs=0.2)
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    radius[0, 0] = 1
    found = da.measure_spectrum(shape_noise(np.where(radius < 1 / 8, radius**-1.0, 8 * (radius * 8) ** -2.0)))
    assert found.low.item() == pytest.approx(-2, abs=0.45)
    assert found.high.item() == pytest.approx(-4, abs=0.2)


def test_the_power_in_every_ring_is_that_of_the_luminance_and_that_of_a_wave_lies_at_its_frequency() -> None:
    image = np.random.default_rng(1).random((3, 96, 128))
    found = da.measure_spectrum(torch.from_numpy(image)[None].float())
    luma = np.tensordot([0.299, 0.587, 0.114], image.astype(np.float32), axes=1)
    # Four rings an octave, from three waves across the short side to the finest ones (test_radial_power.py).
    edges = tuple(2 ** (number / 4) / 8 for number in range(-8, 9))
    power, frequency = radial_power(torch.from_numpy(luma)[None], edges)
    torch.testing.assert_close(found.power, power, rtol=1e-5, atol=0)
    torch.testing.assert_close(found.frequency, frequency)
    wave = np.sin(2 * np.pi * 0.2 * np.arange(160))[None, :].repeat(160, axis=0)
    found = da.measure_spectrum(grey(0.5 + 0.2 * wave))
    peak = found.power[0].argmax()
    assert found.frequency[peak].item() == pytest.approx(0.2, rel=0.1)
    assert found.power[0].median() < 1e-6 * found.power[0, peak]


def test_every_image_of_a_batch_has_its_own_slope_which_is_that_of_polyfit() -> None:
    both = da.measure_spectrum(torch.cat([noise(0), noise(-2)]))
    assert both.slope.tolist() == pytest.approx([da.measure_spectrum(noise(s)).slope.item() for s in (0, -2)], abs=1e-6)
    x, y = np.arange(1.0, 9), np.random.default_rng(0).random((2, 8)) + 0.1
    expected = np.polyfit(np.log(x), np.log(y).T, 1)[0]
    torch.testing.assert_close(fit_slope(torch.from_numpy(x), torch.from_numpy(y)), torch.from_numpy(expected))


def test_what_has_no_spectrum_is_named() -> None:
    with pytest.raises(ValueError, match="the image of 80 x 63 is too small for a spectrum; 64 pixels"):
        da.measure_spectrum(torch.rand(1, 3, 63, 80))
    with pytest.raises(ValueError, match="the image is of one brightness all over"):
        da.measure_spectrum(torch.full((1, 3, 64, 64), 0.3))


def test_the_variance_of_levels_is_that_of_the_parts_and_falls_steeply_in_an_ascent() -> None:
    start = da.ImageStack.noise(da.StackSpec(32, 32, 8, levels=(1, 2, 4, 16, 48)), 2)
    stack = climb(start, steps=3, optimizer=da.SGD(0.5)).stack
    resolutions, variances = measure_level_variances(stack)
    assert resolutions.tolist() == [4, 16, 48]
    expected = [part.double().flatten(1).var(dim=1) for part in da.decompose(stack).levels[2:]]
    torch.testing.assert_close(variances, torch.stack(expected, dim=1))
    climbed = climb(da.ImageStack.gray(da.StackSpec(32, 32, 8)), optimizer=da.SGD(0.5)).stack
    assert fit_slope(*measure_level_variances(climbed)).item() < -1
    with pytest.raises(ValueError, match="the levels of the stack are empty: it has not climbed yet"):
        measure_level_variances(da.ImageStack.gray(da.StackSpec(32, 32, 8)))
    with pytest.raises(ValueError, match="the stack has 1 levels of 4 samples"):
        measure_level_variances(da.ImageStack.noise(da.StackSpec(32, 32, 8, levels=(1, 2, 16))))


def test_the_estimate_of_the_memory_holds_for_any_number_of_images() -> None:
    images = torch.rand(3, 3, 700, 500, generator=torch.Generator().manual_seed(0))
    with PeakBytes() as made:
        da.measure_spectrum(images)
    # The images themselves count as made, because their channels are.
    used = made.peak - images.nbytes
    assert used < estimate_spectrum_bytes(700, 500) < 2 * used
