import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cases import each_case
from das_core.common.radial_power import radial_power

# Not on any frequency k / n of the sides below, where rounding would decide which ring it counts to.
# The finest frequency is 0.5 along an axis, and the square root of a half along diagonals.
EDGES = (0.0123, 0.0617, 0.1234, 0.2345, 0.3456, 0.4987, 0.5678, 0.7111)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def hann(side: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)


def reference(image: np.ndarray, edges: tuple[float, ...]) -> tuple[list[float], list[float]]:
    """The mean over all coefficients of the full transform in every ring, one ring after the other."""
    height, width = image.shape
    window = np.outer(hann(height), hann(width))
    coefficients = np.fft.fft2((image - image.mean()) * window)
    power = np.abs(coefficients) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    found, frequencies = [], []
    for low, high in pairwise(edges):
        inside = power[(low <= radius) & (radius < high)]
        if inside.size:
            found.append(float(inside.mean()))
            frequencies.append(math.sqrt(low * high))
    return found, frequencies


@given(st.integers(2, 40), st.integers(2, 40))
def test_power_is_that_of_numpy_at_any_size_even_or_odd(height: int, width: int) -> None:
    # Rings that some sizes have no frequency in. The squares of all frequencies are rational and those of the edges are
    # not, so that rounding does not decide which ring one counts to.
    edges = tuple(math.pi * number / 80 for number in range(1, 19))
    images = noise(2, height, width, seed=height * 41 + width) + 3
    power, frequencies = radial_power(images, edges)
    for found, image in zip(power, images, strict=True):
        expected, rings = reference(image.numpy(), edges)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        np.testing.assert_allclose(frequencies, rings, rtol=1e-12)


def test_a_ring_holds_its_lower_edge_and_not_its_upper_one_and_is_left_out_without_a_frequency() -> None:
    # The frequencies of 8 pixels along an axis are eighths; the nearest off the axes is the square root of 2 of that.
    power, frequencies = radial_power(noise(1, 8, 8), (0.01, 0.1, 0.13, 0.16, 0.2))
    assert power.shape == (1, 2)
    assert frequencies.tolist() == pytest.approx([math.sqrt(0.1 * 0.13), math.sqrt(0.16 * 0.2)])
    # An eighth, the lowest frequency of 8 pixels but for 0, is exact in floating point.
    _, frequencies = radial_power(noise(1, 8, 8), (0.1, 0.125, 0.15))
    assert frequencies.tolist() == pytest.approx([math.sqrt(0.125 * 0.15)])


@each_case(("down", "right"), [(8, 0), (0, 8), (-6, 6)])
def test_a_wave_counts_to_the_ring_of_its_frequency_whatever_its_direction(down: int, right: int) -> None:
    rows, columns = torch.arange(64, dtype=torch.float64)[:, None], torch.arange(64, dtype=torch.float64)[None, :]
    wave = torch.sin(2 * torch.pi * (down * rows + right * columns) / 64)[None]
    power, frequencies = radial_power(wave, (0.03, 0.06, 0.09, 0.18, 0.36))
    assert frequencies[int(power.argmax())] == pytest.approx(math.sqrt(0.09 * 0.18))
    # The window spreads a wave to its neighbours in the plane, which lie in the same ring.
    assert float(power.max() / power.sum()) > 0.98


def test_white_noise_has_its_variance_in_every_ring() -> None:
    power, _ = radial_power(noise(400, 63, 80) * 3, (0.05, 0.1, 0.2, 0.3, 0.4, 0.5))
    np.testing.assert_allclose(power.mean(dim=0) / 9, 1, atol=0.03)


def test_opposite_edges_do_not_count() -> None:
    # A ramp jumps between its edges. Without the window it would have half a percent of its power up here.
    ramp = torch.linspace(0, 1, 64, dtype=torch.float64).expand(1, 64, 64)
    windowed = radial_power(ramp, (0.25, 0.5))[0]
    plain = np.abs(np.fft.fft2((ramp[0] - ramp.mean()).numpy())) ** 2 / 64**2
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None, :])
    assert float(windowed) < 1e-4 * plain[(radius >= 0.25) & (radius < 0.5)].mean()


@each_case("shape", [(6, 5), (5, 6)])
def test_gradients_flow_to_the_images(shape: tuple[int, int]) -> None:
    images = noise(2, *shape).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: radial_power(values, (0.1, 0.25, 0.45))[0], images)


def test_power_is_as_precise_as_the_images_and_frequencies_always_are() -> None:
    images = noise(1, 48, 48)
    double, _ = radial_power(images, EDGES)
    single, frequencies = radial_power(images.float(), EDGES)
    assert (double.dtype, single.dtype, frequencies.dtype) == (torch.float64, torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=0)


def test_a_large_batch_is_measured_image_by_image_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(2, 48, 50)
    power, frequencies = radial_power(images, EDGES)
    monkeypatch.setattr("das_core.common.radial_power._MOST_AT_ONCE", 0)
    one_by_one, same = radial_power(images, EDGES)
    torch.testing.assert_close(one_by_one, power)
    assert torch.equal(same, frequencies)
