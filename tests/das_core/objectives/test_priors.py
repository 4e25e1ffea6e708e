"""Scores of the picture itself: each against NumPy, and what they keep in an ascent."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from das_core.objectives.priors import CanvasPixels, PriorKind, measure_band_power
from das_core.views import Augmentation, Windows
from direct_ascent import Ascent, AscentError, ImageStack, StackSpec, prior
from toys import score as ask

SPEC = StackSpec(48, 48, 0)
VIEWS = Augmentation(4, Windows(0))


def white(side: int = 128, count: int = 2) -> Tensor:
    return 0.5 + 0.1 * torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def fallen(power: float, side: int = 128) -> Tensor:
    """Noise whose power falls with this power of the frequency."""
    generator = np.random.default_rng(2)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    frequency[0, 0] = np.inf
    shape = np.fft.fft2(generator.normal(size=(3, side, side))) * frequency ** (power / 2)
    noise = np.fft.ifft2(shape).real
    return torch.tensor(0.5 + 0.1 * noise / noise.std(), dtype=torch.float32)[None]


def score(kind: PriorKind, pixels: Tensor, start: Tensor | None = None) -> Tensor:
    return ask(prior(kind), CanvasPixels(pixels, torch.zeros_like(pixels) if start is None else start))


def test_total_variation_l2_and_range_are_their_definitions() -> None:
    # The mean difference of neighbours.
    pixels = white(9)
    image = pixels.double().numpy()
    down, right = np.diff(image, axis=2)[:, :, :, :-1], np.diff(image, axis=3)[:, :, :-1]
    flat = 1 / 255
    expected = -(np.sqrt(down**2 + right**2 + flat**2) - flat).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(score("total_variation", pixels).numpy(), expected, rtol=1e-5)
    assert float(score("total_variation", torch.full((1, 3, 9, 9), 0.3))) == pytest.approx(0, abs=1e-8)
    # The mean square distance to the start.
    start = pixels.flip(0)
    expected = -((pixels.numpy() - start.numpy()) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(score("l2", pixels, start).numpy(), expected, rtol=1e-5)
    # Values near black and white.
    pixels = torch.tensor([0.05, 0.5, 0.95, 1.0])[None, None, None].expand(1, 3, 4, 4)
    assert float(score("range", pixels)) == pytest.approx(-(0.1**2) / 4)


def test_bands_are_means_of_the_power() -> None:
    pixels = white(32, 1)
    levels, frequency = measure_band_power(pixels)
    image = pixels[0].double().numpy()
    window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 32)] * 2)
    power = (np.abs(np.fft.fft2((image - image.mean(axis=(1, 2), keepdims=True)) * window)) ** 2).mean(axis=0)
    radius = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)[None])
    # From 4 waves across the picture to the finest there are two octaves, in half-octaves.
    edges = [1 / 8 * 4 ** (number / 4) for number in range(5)]
    for level, (low, high) in zip(levels[0], itertools.pairwise(edges), strict=True):
        expected = power[(radius >= low) & (radius < high)].mean() / np.square(window).sum()
        assert float(level) == pytest.approx(expected, rel=1e-4)
    assert len(frequency) == 4


def test_power_falls_as_that_of_the_noise_and_the_spectrum_of_a_photograph_scores_best() -> None:
    natural = float(score("spectrum", fallen(-2.0)))
    assert natural > -0.1
    for power in (0.0, -1.0, -3.0):
        levels, frequency = measure_band_power(fallen(power))
        slope = np.polyfit(frequency.log().numpy(), levels[0].log().numpy(), 1)[0]
        assert slope == pytest.approx(power, abs=0.2)
        assert float(score("spectrum", fallen(power))) < natural - 0.2


def test_a_prior_alone_climbs_and_one_whose_score_cannot_rise_or_that_is_unknown_is_named() -> None:
    stack = ImageStack.from_image(SPEC, white(48, 1))
    history = Ascent(stack, prior("total_variation"), VIEWS, steps=4).run().history
    scores = [record.scores["total variation"] for record in history]
    assert scores[-1] > scores[0]
    with pytest.raises(AscentError, match=r"the gradient of 'total variation' vanished at step 1"):
        next(iter(Ascent(ImageStack.gray(SPEC), prior(), VIEWS)))
    with pytest.raises(ValueError, match="prior 'blur' is unknown; choose one of total_variation, l2, spectrum, range"):
        prior("blur")  # type: ignore[arg-type]
