"""The image stack: what it starts from, what it shows, where its tensors are, and moving it to another canvas."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.stack.image_stack import ImageStack, move_canvas
from das_core.stack.spec import StackSpec
from das_core.stack.state import OptimizerState
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from stops import assert_ends_anywhere
from toys import SPEC

FILM, ZOOM = StackSpec(32, 16, 4, time=Time(3)), StackSpec(32, 16, 4, zoom=Zoom(3))
CPU, META = torch.device("cpu"), torch.device("meta")


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


def test_a_start_image_is_shown_again_and_repeated_over_the_batch() -> None:
    image = photograph(48, 64) * 0.9 + 0.05
    stack = ImageStack.from_image(StackSpec(64, 48, 16), image, 2, contrast=1.0)
    torch.testing.assert_close(stack.image(), image.expand(2, -1, -1, -1), rtol=0, atol=2e-5)
    assert ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32, 5)).batch == 5


def test_noise_of_default_levels_has_one_of_a_single_sample_too() -> None:
    spec = StackSpec(32, 16, 4)
    same = replace(spec, levels=(1, *spec.levels))
    assert torch.equal(ImageStack.noise(spec, seed=3).canvas, ImageStack.noise(same, seed=3).canvas)


def test_a_new_stack_has_not_climbed() -> None:
    gray = ImageStack.gray(StackSpec(32, 16, 4), 2)
    assert torch.equal(gray.image(), torch.full((2, 3, 16, 32), 0.5))
    for stack in (gray, ImageStack.noise(StackSpec(32, 16, 4))):
        assert (stack.steps, stack.optimizer_state, stack.surroundings) == (0, None, None)
        assert stack.start is stack.canvas
    assert repr(gray) == "ImageStack(32 x 16, 2 images, 0 steps)"


def test_a_stack_goes_to_another_device_with_all_that_it_holds() -> None:
    spec, canvas = StackSpec(32, 16, 4), torch.zeros(1, 3, 24, 40)
    stack = ImageStack(spec, canvas, canvas, 7, OptimizerState("sgd", (canvas,)))
    moved = stack.place_into(photograph(16, 32), torch.ones(1, 16, 32)).to(META)
    assert (moved.spec, moved.steps, moved.optimizer_state and moved.optimizer_state.kind) == (spec, 7, "sgd")
    assert moved.optimizer_state is not None
    assert moved.surroundings is not None
    tensors = [moved.start, moved.canvas, moved.surroundings.pixels, moved.surroundings.mask]
    tensors += moved.optimizer_state.tensors
    assert {tensor.device for tensor in tensors} == {META}
    # One with nothing to remember goes there too.
    moved = ImageStack.gray(spec).to(META)
    assert (moved.optimizer_state, moved.surroundings) == (None, None)


@each_case(
    ("says", "spec", "images", "batch"),
    ("batch 0 is not a whole number from 1 to 65536", SPEC, None, 0),
    ("batch 1.5 is not a whole number from 1 to 65536", SPEC, None, 1.5),
    ("batch 65537 is not a whole number", SPEC, photograph(8, 8), 65537),
    ("a batch of 2 does not go with 5 start images: use 1 or 5", SPEC, photograph(32, 32, 5), 2),
    ("a batch of 2 is no film of 3 frames; leave it at 1", FILM, None, 2),
    ("a batch of 4 is no zoom of 3 depths; leave it at 1", ZOOM, photograph(16, 32), 4),
    ("2 start images do not go with 3 frames: use 1 or 3", FILM, photograph(16, 32, 2), 1),
    ("2 start images do not go with 3 depths: use 1 or 3", ZOOM, photograph(16, 32, 2), 1),
)
def test_a_batch_that_cannot_be_is_named(says: str, spec: StackSpec, images: torch.Tensor | None, batch: Any) -> None:
    with pytest.raises(ValueError, match=says):
        _ = ImageStack.gray(spec, batch) if images is None else ImageStack.from_image(spec, images, batch)


@each_case(("spec", "kind"), (FILM, "film of 3 frames"), (ZOOM, "zoom of 3 depths"))
def test_a_film_or_a_zoom_holds_its_images_and_no_other_number(spec: StackSpec, kind: str) -> None:
    assert ImageStack.gray(spec).batch == ImageStack.gray(spec, 3).batch == ImageStack.noise(spec).batch == 3
    still = ImageStack.from_image(spec, photograph(16, 32))
    assert torch.equal(still.canvas[0], still.canvas[2])
    moving = ImageStack.from_image(spec, photograph(16, 32, 3))
    pictures = ImageStack.from_image(replace(spec, time=None, zoom=None), photograph(16, 32, 3))
    assert torch.equal(moving.canvas, pictures.canvas)
    assert repr(still) == f"ImageStack(32 x 16, {kind[-8:]}, 0 steps)"
    with pytest.raises(ValueError, match=f"1 images are no {kind}; one for each is needed"):
        ImageStack.from_canvas(spec, torch.zeros(1, 3, *spec.canvas))


def test_a_start_image_can_be_ended_between_what_is_made_of_it() -> None:
    # Each of them takes about a second on a canvas of 4096 x 4096.
    assert assert_ends_anywhere(lambda: ImageStack.from_image(SPEC, photograph(48, 64))) >= 4


def test_a_stack_moves_to_a_canvas_and_its_frozen_bands_stay_as_they_are() -> None:
    target = ImageStack.noise(SPEC, seed=5).canvas
    for spec in (SPEC, replace(SPEC, frozen=((1, 8),))):
        stack, operator = ImageStack.noise(spec), spec.operator(CPU)
        after = move_canvas(stack, target, operator).canvas
        assert torch.equal(after, target) == (not spec.frozen)
        torch.testing.assert_close(after, stack.canvas + operator.remove_frozen(target - stack.canvas))
