"""The image stack: what it starts from, what it shows, and where its tensors are."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.start import make_noise_canvas
from das_core.stack.state import LevelTensors, OptimizerState
from das_core.stack.time import Time
from stops import assert_ends_anywhere

META = torch.device("meta")
"""A device that every machine has beside its CPU."""


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


def test_grey_stack_is_grey() -> None:
    image = ImageStack.gray(StackSpec(64, 48, 8), 2).image()
    assert image.shape == (2, 3, 48, 64)
    assert torch.equal(image, torch.full_like(image, 0.5))


@each_case("color", ["rgb", "decorrelated"])
def test_a_start_image_is_shown_again(color: str) -> None:
    image = photograph(48, 64) * 0.9 + 0.05
    stack = ImageStack.from_image(StackSpec(64, 48, 16, color=color), image, contrast=1.0)  # type: ignore[arg-type]
    torch.testing.assert_close(stack.image(), image, rtol=0, atol=2e-5)


def test_a_start_image_is_repeated_over_the_batch() -> None:
    stack = ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32), 3)
    assert stack.batch == 3
    assert torch.equal(stack.image()[0], stack.image()[2])
    assert ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32, 5)).batch == 5


def test_noise_is_that_of_its_settings() -> None:
    spec = StackSpec(32, 16, 4, levels=(1, 5, 40), color="rgb")
    stack = ImageStack.noise(spec, 2, amplitude=0.5, decay=0.3, seed=9)
    expected = make_noise_canvas((24, 40), (1, 5, 40), 2, 0.5, 0.3, 9)
    assert torch.equal(stack.canvas, expected)
    assert torch.equal(stack.start, expected)


def test_a_new_stack_has_not_climbed() -> None:
    for stack in (ImageStack.gray(StackSpec(32, 16, 4)), ImageStack.noise(StackSpec(32, 16, 4))):
        assert (stack.steps, stack.parameters, stack.optimizer_state, stack.surroundings) == (0, None, None, None)
        assert stack.start is stack.canvas


def test_the_picture_is_the_canvas_without_its_margin() -> None:
    stack = ImageStack.noise(StackSpec(32, 16, 4), 2)
    assert stack.pixels().shape == (2, 3, 24, 40)
    assert torch.equal(stack.image(), stack.pixels()[:, :, 4:20, 4:36])


def half_mask() -> torch.Tensor:
    mask = torch.zeros(1, 16, 32)
    mask[:, :, :16] = 1
    return mask


def test_without_surroundings_pixels_are_left_as_they_are() -> None:
    stack = ImageStack.gray(StackSpec(32, 16, 4))
    pixels = photograph(24, 40)
    assert stack.composite(pixels) is pixels


def test_a_stack_goes_to_another_device_with_all_that_it_holds() -> None:
    spec = StackSpec(32, 16, 4, levels=(1, 40), method="layers")
    levels = (torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 24, 40))
    canvas = torch.zeros(1, 3, 24, 40)
    stack = ImageStack(spec, canvas, canvas, LevelTensors(levels), 7, OptimizerState("sgd", levels))
    moved = stack.place_into(photograph(16, 32), half_mask()).to(META)
    assert (moved.spec, moved.steps) == (spec, 7)
    assert moved.parameters is not None
    assert moved.optimizer_state is not None
    assert moved.surroundings is not None
    tensors = [moved.start, moved.canvas, moved.surroundings.pixels, moved.surroundings.mask]
    tensors += [*moved.parameters.tensors, *moved.optimizer_state.tensors]
    assert {tensor.device for tensor in tensors} == {META}
    # One with nothing to remember goes there too.
    moved = ImageStack.gray(StackSpec(32, 16, 4)).to(META)
    assert moved.canvas.device == META
    assert (moved.parameters, moved.optimizer_state, moved.surroundings) == (None, None, None)


FILM = StackSpec(32, 16, 4, time=Time(3))


@each_case(
    ("says", "spec", "images", "batch"),
    [
        ("batch 0 is not a whole number from 1 to 65536", StackSpec(32, 32, 0), None, 0),
        ("batch 0 is not a whole number from 1 to 65536", StackSpec(32, 32, 0), torch.rand(1, 3, 8, 8), 0),
        ("a batch of 2 does not go with 5 start images: use 1 or 5", StackSpec(32, 32, 4), photograph(32, 32, 5), 2),
        ("a batch of 2 is no film of 3 frames; leave it at 1", FILM, None, 2),
        ("a batch of 4 is no film of 3 frames; leave it at 1", FILM, photograph(16, 32), 4),
        ("2 start images are no film of 3 frames: use 1 or 3", FILM, photograph(16, 32, 2), 1),
    ],
)
def test_a_batch_that_cannot_be_is_named(says: str, spec: StackSpec, images: torch.Tensor | None, batch: int) -> None:
    with pytest.raises(ValueError, match=says):
        _ = ImageStack.gray(spec, batch) if images is None else ImageStack.from_image(spec, images, batch)


def test_a_film_holds_its_frames_and_no_other_number_of_images() -> None:
    assert ImageStack.gray(FILM).batch == ImageStack.gray(FILM, 3).batch == ImageStack.noise(FILM).batch == 3
    still = ImageStack.from_image(FILM, photograph(16, 32))
    assert torch.equal(still.image()[0], still.image()[2])
    moving = ImageStack.from_image(FILM, photograph(16, 32, 3))
    assert torch.equal(moving.image(), ImageStack.from_image(replace(FILM, time=None), photograph(16, 32, 3)).image())
    assert repr(still) == "ImageStack(32 x 16, 3 frames, 0 steps)"
    with pytest.raises(ValueError, match="1 images are no film of 3 frames; one for each is needed"):
        ImageStack.from_canvas(FILM, torch.zeros(1, 3, *FILM.canvas))
    with pytest.raises(ValueError, match="2 masks do not go with a batch of 3: use 1 or 3"):
        ImageStack.gray(FILM).place_into(photograph(16, 32), half_mask().repeat(2, 1, 1))


def test_a_start_image_can_be_ended_between_what_is_made_of_it() -> None:
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    # Each of them takes about a second on a canvas of 4096 x 4096.
    assert assert_ends_anywhere(lambda: ImageStack.from_image(StackSpec(64, 48, 8), image)) >= 4
