"""Starts: images resized, mirrored and inverted; noise with the spectrum of explicit layers."""

import math
from typing import Any

import pytest
import scipy.fft
import torch
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.image_stack import ImageStack
from das_core.stack.pixels import render_pixels
from das_core.stack.spec import StackSpec
from das_core.stack.spectral_operator import compute_spectral_response
from das_core.stack.start import Surroundings, start_from_image, start_from_noise
from das_core.stack.time import Time


def start(image: Tensor, contrast: float = 1.0) -> tuple[Tensor, Tensor]:
    """What the start and the canvas of an image show."""
    canvases = start_from_image(StackSpec(image.shape[3], image.shape[2], 0), image, len(image), contrast)
    assert all(canvas.dtype == torch.float32 for canvas in canvases)
    made = [render_pixels(canvas, "decorrelated") for canvas in canvases]
    return made[0], made[1]


def noise(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


@each_case("contrast", 1.0, 0.5, 0.01)
def test_the_canvas_shows_the_image_with_its_contrast_and_the_start_the_image(contrast: float) -> None:
    image = noise(24, 32) * 0.98 + 0.01
    before = image.clone()
    begun, shown = start(image, contrast)
    torch.testing.assert_close(shown, 0.5 + contrast * (image - 0.5), rtol=0, atol=1e-6)
    torch.testing.assert_close(begun, image, rtol=0, atol=1e-5)
    assert torch.equal(image, before)


def test_black_and_white_are_half_a_byte_step_away_and_can_move_and_values_beyond_are_clipped() -> None:
    image = torch.tensor([-3.0, 7.0, 0.5]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16)
    begun, shown = start(image)
    expected = torch.tensor([1 / 512, 1 - 1 / 512, 0.5]).reshape(1, 3, 1, 1).expand(1, 3, 16, 16)
    torch.testing.assert_close(shown, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(begun, image.clamp(0, 1), rtol=0, atol=1e-5)


@each_case(
    ("says", "image", "contrast"),
    (r"the start image has 4 channels \(an alpha channel\)", torch.rand(1, 4, 16, 16), 0.95),
    (r"contrast 0.0 is not above 0 and at most 1; 0.95 keeps", noise(16, 16), 0.0),
    (r"contrast 1.01 is not above 0 and at most 1; 0.95 keeps", noise(16, 16), 1.01),
    (r"contrast nan is not above 0 and at most 1; 0.95 keeps", noise(16, 16), math.nan),
)
def test_an_image_or_a_contrast_that_cannot_be_is_named(says: str, image: Tensor, contrast: float) -> None:
    with pytest.raises(ValueError, match=says):
        start(image, contrast)


def make_noise(canvas: Shape, levels: Any, batch: int, amplitude: float, decay: float, seed: int) -> Tensor:
    return start_from_noise(StackSpec(canvas[1], canvas[0], 0, levels), batch, amplitude, decay, seed)


@each_case(
    ("canvas", "levels", "decay"),
    ((32, 32), (1, 2, 4, 8, 16, 32), 0.7),
    ((24, 40), (1, 3, 10, 40), 0.5),
    ((32, 32), (4, 8), 1.0),
)
def test_noise_has_the_spectrum_of_explicit_layers(canvas: Shape, levels: tuple[int, ...], decay: float) -> None:
    # Each image is scaled to its own amplitude, which depends most on its coarsest waves: compare in shape.
    images = make_noise(canvas, levels, 400, 1.0, decay, 0).double()
    coefficients = torch.from_numpy(scipy.fft.dctn(images.numpy(), axes=(2, 3), norm="ortho"))
    # Of white noise on explicit layers, resized and summed (test_spectral_operator.py has its definition).
    gains = [decay ** math.log2(level / levels[0]) for level in levels]
    expected = compute_spectral_response(canvas, levels, gains=gains).double()
    white = coefficients / expected.sqrt().clamp(min=1e-9)
    white = white / white.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    reached = expected > 1e-6 * expected.max()
    energy = white.square().mean(dim=(0, 1))[reached]
    # 1,200 draws a frequency: the mean square of each strays by 4 %.
    assert float((energy / energy.mean() - 1).abs().max()) < 0.25
    assert float((energy / energy.mean() - 1).square().mean().sqrt()) < 0.06
    # What the layers cannot show is not there.
    missed = coefficients.square().mean(dim=(0, 1))[~reached].sum()
    assert float(missed) < 1e-3 * float(coefficients.square().sum() / 1200)


@each_case(("amplitude", "decay"), (0.0, 0.7), (3.0, 0.7), (0.3, 1e-6), (0.3, 10.0))
def test_amplitude_is_the_root_mean_square_of_every_image(amplitude: float, decay: float) -> None:
    images = make_noise((64, 48), tuple(range(1, 65)), 3, amplitude, decay, 0)
    assert images.shape == (3, 3, 64, 48)
    torch.testing.assert_close(images.square().mean(dim=(1, 2, 3)).sqrt(), torch.full((3,), amplitude))


def test_an_image_of_noise_differs_from_the_others_and_is_the_same_in_any_batch() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    many, one, other = (
        make_noise((40, 40), tuple(range(8, 41)), batch, 0.3, 1.0, seed)
        for batch, seed in ((5, 2**64 - 1), (1, 2**64 - 1), (1, 1))
    )
    torch.testing.assert_close(many[:1], one, rtol=1e-5, atol=1e-6)
    for first, second in ((many[0], many[1]), (one, other)):
        assert abs(float(torch.cosine_similarity(first.flatten(), second.flatten(), dim=0))) < 0.2
    # The caller's randomness is left alone.
    assert torch.equal(torch.rand(3), expected)


@each_case(
    ("settings", "says"),
    ({"amplitude": -0.1}, "amplitude -0.1 is not between 0 and"),
    ({"amplitude": math.inf}, "amplitude inf is not"),
    ({"decay": 0.0}, "decay 0.0 is not above 0 and at most 10"),
    ({"decay": 10.1}, "decay 10.1"),
    ({"decay": math.nan}, "decay nan"),
)
def test_bad_settings_are_named(settings: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {"canvas": (16, 16), "levels": (1, 16), "batch": 1, "amplitude": 0.3}
    with pytest.raises(ValueError, match=says):
        make_noise(**(good | {"decay": 0.7, "seed": 0} | settings))


SPEC = StackSpec(32, 16, 4)
PIXELS, SHOWN, MASK = torch.rand(3, 3, 3, 8, 8, generator=torch.Generator().manual_seed(1)).unbind()
HALF = torch.zeros(1, 16, 32)
HALF[:, :, :16] = 1


def photograph(batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, 16, 32, generator=torch.Generator().manual_seed(0))


def test_a_mask_mixes_between_its_ends_and_keeps_every_bit_at_them() -> None:
    mask = MASK[:, :1]
    torch.testing.assert_close(Surroundings(PIXELS, mask).composite(SHOWN), mask * SHOWN + (1 - mask) * PIXELS)
    mask = mask.round()
    assert torch.equal(Surroundings(PIXELS, mask).composite(SHOWN), torch.where(mask.bool(), SHOWN, PIXELS))


def test_surroundings_of_some_images_are_theirs() -> None:
    some = Surroundings(PIXELS, MASK).select([2, 0])
    assert torch.equal(some.pixels, PIXELS[[2, 0]])
    assert torch.equal(some.mask, MASK[[2, 0]])


def test_a_stack_is_repeated_for_many_masks_or_images() -> None:
    stack = ImageStack.noise(SPEC)
    parts = stack.place_into(photograph(), torch.cat([HALF, 1 - HALF]))
    assert torch.equal(parts.canvas, stack.canvas.expand(2, -1, -1, -1))
    assert stack.surroundings is None
    assert torch.equal(parts.image()[0, :, :, :16], stack.image()[0, :, :, :16])
    assert torch.equal(parts.image()[1, :, :, 16:], stack.image()[0, :, :, 16:])
    images = stack.place_into(photograph(3), HALF)
    assert torch.equal(images.image()[..., 16:], photograph(3)[..., 16:])


@each_case(
    ("says", "spec", "stacks", "image", "masks"),
    ("2 stacks do not go with 3 images: use 1 or 3", SPEC, 2, photograph(3), 1),
    ("2 images do not go with 3 images: use 1 or 3", SPEC, 1, photograph(2), 3),
    ("2 masks do not go with 4 images: use 1 or 4", SPEC, 4, photograph(), 2),
    ("2 masks do not go with 3 images: use 1 or 3", StackSpec(32, 16, 4, time=Time(3)), 3, photograph(), 2),
    ("the image around the mask has 4 channels", SPEC, 1, torch.rand(1, 4, 16, 32), 1),
)
def test_images_and_masks_that_do_not_go_with_a_stack_are_named(
    says: str, spec: StackSpec, stacks: int, image: torch.Tensor, masks: int
) -> None:
    with pytest.raises(ValueError, match=says):
        ImageStack.gray(spec, stacks).place_into(image, HALF.repeat(masks, 1, 1))
