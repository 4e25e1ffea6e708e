"""The fine structure of images whose numbers are known."""

import math

import pytest
import torch

from benchmarks.engraving import average, measure_structure


def test_white_noise_changes_everywhere_alike_and_one_edge_is_sparse_and_calm() -> None:
    noise = 0.5 + 0.1 * torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    found = measure_structure(noise.expand(1, 3, -1, -1))
    assert found.sparsity == pytest.approx(4 / math.pi, rel=0.04)  # nearly a Rayleigh distribution
    assert found.contrast == pytest.approx(0.1, rel=0.03)
    assert found.calm == 0
    image = torch.full((1, 3, 64, 64), 0.25)
    image[..., 32:] = 0.75
    found = measure_structure(image)
    assert found.sparsity == pytest.approx(63)
    assert [found.calm, found.contrast] == pytest.approx([1, 0], abs=1e-9)


def test_colours_are_those_of_cielab_and_an_average_is_that_of_every_number() -> None:
    red = measure_structure(torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16))
    assert red.lightness == pytest.approx(53.24, abs=0.01)
    assert red.green_red == pytest.approx(80.09, abs=0.01)
    assert red.blue_yellow == pytest.approx(67.20, abs=0.01)
    assert red.chroma == pytest.approx(math.hypot(red.green_red, red.blue_yellow))
    dark, light = (measure_structure(torch.full((1, 3, 16, 16), value)) for value in (0.0, 1.0))
    assert average([dark, light]).lightness == pytest.approx(50, abs=0.01)
