"""Starts: images resized, mirrored and inverted; noise with the spectrum of explicit layers."""

import math

import numpy as np
import pytest
import scipy.fft
import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.levels import level_shape
from das_core.stack.start import canvas_from_image, make_noise_canvas


def shown(canvas: Tensor) -> Tensor:
    return (torch.tanh(canvas) + 1) / 2


def noise(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@each_case("contrast", [1.0, 0.95, 0.5, 0.01])
def test_the_canvas_shows_the_image_with_its_contrast(contrast: float) -> None:
    image = noise(24, 32) * 0.98 + 0.01
    canvas = canvas_from_image(image, (24, 32), 0, contrast)
    torch.testing.assert_close(shown(canvas), 0.5 + contrast * (image - 0.5), rtol=0, atol=1e-6)


def test_black_and_white_are_half_a_byte_step_away_and_can_move() -> None:
    image = torch.tensor([0.0, 1.0, 0.5]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16)
    canvas = canvas_from_image(image, (16, 16), 0, 1.0)
    assert bool(canvas.isfinite().all())
    error = (shown(canvas) - image).abs()
    assert float(error.max()) == pytest.approx(1 / 512, abs=1e-6)
    assert float(error[:, 2].max()) < 1e-6
    slope = 2 * shown(canvas) * (1 - shown(canvas))
    assert float(slope.min()) > 0.003
    # Eight bits a channel do not see it.
    assert torch.equal((shown(canvas) * 255).round(), (image * 255).round())


@each_case(
    "image",
    [torch.tensor([-3.0, 7.0, 0.25]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16), noise(16, 16) * 2 - 0.5],
)
def test_values_beyond_the_range_are_clipped_and_the_image_is_not_changed(image: Tensor) -> None:
    before = image.clone()
    canvas = canvas_from_image(image, (16, 16), 2, 0.9)
    assert torch.equal(image, before)
    torch.testing.assert_close(canvas, canvas_from_image(image.clamp(0, 1), (16, 16), 2, 0.9))


@each_case(("margin", "mode"), [(0, None), (5, "reflect"), (15, "reflect"), (16, "edge"), (40, "edge")])
def test_the_margin_mirrors_the_picture(margin: int, mode: str | None) -> None:
    image = noise(16, 24, 2) * 0.9 + 0.05
    canvas = canvas_from_image(image, (16, 24), margin, 1.0)
    pad = ((0, 0), (0, 0), (margin, margin), (margin, margin))
    expected = image.numpy() if mode is None else np.pad(image.numpy(), pad, mode=mode)  # type: ignore[call-overload]
    np.testing.assert_allclose(shown(canvas).numpy(), expected, atol=1e-6)


@each_case("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_images_of_any_precision_become_float32(dtype: torch.dtype) -> None:
    image = noise(16, 16)
    canvas = canvas_from_image(image.to(dtype), (20, 20), 3, 0.9)
    assert canvas.dtype == torch.float32
    torch.testing.assert_close(canvas, canvas_from_image(image, (20, 20), 3, 0.9), rtol=0.05, atol=0.05)


@each_case(
    ("says", "image", "contrast"),
    [
        (r"the start image has 4 channels \(an alpha channel\)", torch.rand(1, 4, 16, 16), 0.95),
        (r"the start image has 1 channels \(one grey channel\)", torch.rand(1, 1, 16, 16), 0.95),
        (r"the start image has the shape \(1, 3, 0, 16\)", torch.rand(1, 3, 0, 16), 0.95),
        (r"the start image has the shape \(0, 3, 16, 16\)", torch.rand(0, 3, 16, 16), 0.95),
        (r"the start image has the shape \(16, 16\)", torch.rand(16, 16), 0.95),
        ("the start image holds 768 values that are NaN", torch.full((1, 3, 16, 16), torch.nan), 0.95),
        ("the start image holds whole numbers", torch.full((1, 3, 16, 16), 255, dtype=torch.uint8), 0.95),
        (r"contrast 0.0 is not above 0 and at most 1; 0.95 keeps", noise(16, 16), 0.0),
        (r"contrast -1.0 is not above 0 and at most 1; 0.95 keeps", noise(16, 16), -1.0),
        (r"contrast 1.01 is not above 0 and at most 1; 0.95 keeps", noise(16, 16), 1.01),
        (r"contrast nan is not above 0 and at most 1; 0.95 keeps", noise(16, 16), math.nan),
        (r"contrast inf is not above 0 and at most 1; 0.95 keeps", noise(16, 16), math.inf),
    ],
)
def test_an_image_or_a_contrast_that_cannot_be_is_named(says: str, image: Tensor, contrast: float) -> None:
    with pytest.raises(ValueError, match=says):
        canvas_from_image(image, (16, 16), 0, contrast)


def cosine_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II as a matrix (frequency, sample)."""
    return torch.from_numpy(scipy.fft.dct(np.eye(size), axis=0, norm="ortho"))


def layered(canvas: Shape, levels: tuple[int, ...], decay: float) -> Tensor:
    """The mean energy at every cosine frequency of white noise on explicit layers, resized by torch and summed."""
    bases = [cosine_matrix(side) for side in canvas]
    energy = torch.zeros(canvas, dtype=torch.float64)
    for level in levels:
        axes = []
        for side, samples, basis in zip(canvas, level_shape(level, canvas), bases, strict=True):
            # Every sample of the layer in turn, resized along this axis alone.
            units = torch.eye(samples, dtype=torch.float64)[:, None, :, None].expand(-1, 1, -1, 4)
            resized = F.interpolate(units, size=(side, 4), mode="bicubic", align_corners=False)[:, 0, :, 0]
            axes.append((basis @ resized.T).square().sum(dim=1))
        octaves = math.log2(level / levels[0])
        energy += decay ** (2 * octaves) * axes[0][:, None] * axes[1][None, :]
    return energy


@each_case(
    ("canvas", "levels", "decay"),
    [
        ((32, 32), (1, 2, 4, 8, 16, 32), 0.7),
        ((32, 32), (1, 2, 4, 8, 16, 32), 1.0),
        ((24, 40), (1, 3, 10, 40), 0.5),
        ((32, 32), (4, 8), 0.7),
    ],
)
def test_noise_has_the_spectrum_of_explicit_layers(canvas: Shape, levels: tuple[int, ...], decay: float) -> None:
    # Each image is scaled to its own amplitude, which depends most on its coarsest waves: compare in shape.
    images = make_noise_canvas(canvas, levels, 400, 1.0, decay, 0).double()
    rows, columns = (cosine_matrix(side) for side in canvas)
    coefficients = rows @ images @ columns.T
    expected = layered(canvas, levels, decay)
    white = coefficients / expected.sqrt().clamp(min=1e-9)
    white = white / white.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    reached = expected > 1e-6 * expected.max()
    energy = white.square().mean(dim=(0, 1))[reached]
    # 1,200 draws a frequency: the mean square of each strays by 4 %.
    assert float((energy / energy.mean() - 1).abs().max()) < 0.25
    assert float((energy / energy.mean() - 1).square().mean().sqrt()) < 0.06
    # What the layers cannot show is not there.
    assert float(coefficients.square().mean(dim=(0, 1))[~reached].sum()) < 1e-3 * float(
        coefficients.square().sum() / 1200
    )


def test_frequencies_of_the_noise_are_independent() -> None:
    images = make_noise_canvas((8, 8), (1, 2, 4, 8), 2000, 1.0, 0.7, 3).double()
    basis = cosine_matrix(8)
    coefficients = (basis @ images @ basis.T).flatten(2).transpose(0, 1).flatten(0, 1)
    correlation = torch.corrcoef(coefficients.T)
    assert float((correlation - torch.eye(64)).abs().max()) < 0.1


@each_case(
    ("canvas", "levels", "batch", "amplitude", "decay"),
    [
        ((20, 28), (1, 4, 28), 3, 0.0, 0.7),
        ((20, 28), (1, 4, 28), 3, 0.1, 0.7),
        ((20, 28), (1, 4, 28), 3, 1.0, 0.7),
        ((20, 28), (1, 4, 28), 3, 3.0, 0.7),
        # However fast the levels grow or fade.
        ((64, 64), tuple(range(1, 65)), 1, 0.3, 1e-6),
        ((64, 64), tuple(range(1, 65)), 1, 0.3, 10.0),
    ],
)
def test_amplitude_is_the_root_mean_square_of_every_image(
    canvas: Shape, levels: tuple[int, ...], batch: int, amplitude: float, decay: float
) -> None:
    images = make_noise_canvas(canvas, levels, batch, amplitude, decay, 0)
    assert images.shape == (batch, 3, *canvas)
    assert bool(images.isfinite().all())
    rms = images.square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(rms, torch.full((batch,), amplitude))


def test_an_image_of_noise_differs_from_the_others_and_is_the_same_in_any_batch() -> None:
    many = make_noise_canvas((20, 28), (1, 4, 28), 5, 0.3, 0.7, 7)
    one = make_noise_canvas((20, 28), (1, 4, 28), 1, 0.3, 0.7, 7)
    torch.testing.assert_close(many[:1], one, rtol=1e-5, atol=1e-6)
    assert torch.equal(make_noise_canvas((20, 28), (1, 4, 28), 5, 0.3, 0.7, 7), many)

    def alike(first: Tensor, second: Tensor) -> float:
        return abs(float(torch.cosine_similarity(first.flatten(), second.flatten(), dim=0)))

    first = make_noise_canvas((40, 40), tuple(range(8, 41)), 2, 0.3, 1.0, 0)
    second = make_noise_canvas((40, 40), tuple(range(8, 41)), 2, 0.3, 1.0, 1)
    assert alike(first[0], first[1]) < 0.2
    assert alike(first[0], second[0]) < 0.2
    assert alike(first[0], second[1]) < 0.2


def test_the_caller_s_randomness_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_noise_canvas((16, 16), (1, 16), 1, 0.3, 0.7, 2**64 - 1)
    assert torch.equal(torch.rand(3), expected)


def test_decay_makes_noise_softer() -> None:
    def roughness(decay: float) -> float:
        image = make_noise_canvas((32, 32), (1, 2, 4, 8, 16, 32), 1, 1.0, decay, 0)
        return float(image.diff(dim=3).square().mean())

    assert roughness(0.3) < 0.5 * roughness(0.7) < 0.5 * roughness(1.0)


@each_case(
    ("settings", "says"),
    [
        ({"amplitude": -0.1}, "not amplitude -0.1 and decay 0.7; try 1 and 0.4"),
        ({"amplitude": math.nan}, "not amplitude nan"),
        ({"amplitude": math.inf}, "not amplitude inf"),
        ({"decay": 0.0}, "above 0 and at most 10, not amplitude 0.3 and decay 0.0"),
        ({"decay": -1.0}, "decay -1.0"),
        ({"decay": math.nan}, "decay nan"),
        ({"decay": 10.1}, "decay 10.1"),
        ({"batch": 1.5}, "batch 1.5 is not a whole number from 1 to 65536"),
        ({"batch": 0}, "batch 0 is not a whole number from 1 to 65536"),
        ({"seed": -1}, "non-negative"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, float], says: str) -> None:
    good = {"canvas": (16, 16), "levels": (1, 16), "batch": 1, "amplitude": 0.3, "decay": 0.7, "seed": 0}
    with pytest.raises(ValueError, match=says):
        make_noise_canvas(**{**good, **settings})  # type: ignore[arg-type]
