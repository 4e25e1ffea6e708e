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


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def reference(image: np.ndarray, edges: tuple[float, ...]) -> tuple[list[float], list[float]]:
    """The mean over all coefficients of the full transform in every ring, one ring after the other."""
    height, width = image.shape
    # The periodic window, as the transform is.
    window = np.outer(np.hanning(height + 1)[:-1], np.hanning(width + 1)[:-1])
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


@each_case("shape", (6, 5), (5, 6))
def test_gradients_flow_to_the_images(shape: tuple[int, int]) -> None:
    images = noise(2, *shape).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: radial_power(values, (0.1, 0.25, 0.45))[0], images)


def test_power_is_as_precise_as_the_images_and_a_large_batch_is_measured_image_by_image_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, edges = noise(2, 48, 50), (0.0123, 0.1234, 0.3456, 0.7111)
    double, _ = radial_power(images, edges)
    single, frequencies = radial_power(images.float(), edges)
    assert (double.dtype, single.dtype, frequencies.dtype) == (torch.float64, torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=0)
    monkeypatch.setattr("das_core.common.radial_power._MOST_AT_ONCE", 0)
    one_by_one, same = radial_power(images, edges)
    torch.testing.assert_close(one_by_one, double)
    assert torch.equal(same, frequencies)
