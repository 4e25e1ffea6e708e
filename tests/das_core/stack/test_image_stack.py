"""The image stack: what it starts from, what it shows, where its tensors are, and moving it to another canvas."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.objectives.priors import prior
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack, move_canvas
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec
from das_core.stack.start import make_noise_canvas
from das_core.stack.state import LevelTensors, OptimizerState
from das_core.stack.time import Time
from stops import assert_ends_anywhere

META = torch.device("meta")
"""A device that every machine has beside its CPU."""

FILM = StackSpec(32, 16, 4, time=Time(3))
MOVED = StackSpec(width=40, height=32, margin=8, levels=linear_levels(56, 4))
CPU = torch.device("cpu")


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


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
    gray = ImageStack.gray(StackSpec(32, 16, 4), 2)
    assert torch.equal(gray.image(), torch.full((2, 3, 16, 32), 0.5))
    for stack in (gray, ImageStack.noise(StackSpec(32, 16, 4))):
        assert (stack.steps, stack.parameters, stack.optimizer_state, stack.surroundings) == (0, None, None, None)
        assert stack.start is stack.canvas


def half_mask() -> torch.Tensor:
    mask = torch.zeros(1, 16, 32)
    mask[:, :, :16] = 1
    return mask


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


def climbed(optimizer: Optimizer, spec: StackSpec = MOVED) -> ImageStack:
    return Ascent(ImageStack.noise(spec), [prior()], steps=3, optimizer=optimizer).run().stack


def moved(stack: ImageStack, target: torch.Tensor) -> ImageStack:
    return move_canvas(stack, target, stack.spec.operator(CPU))


def soft_target(stack: ImageStack) -> torch.Tensor:
    return 0.7 * stack.canvas + 0.1 * ImageStack.noise(MOVED, seed=5).canvas


def test_a_stack_without_parameters_takes_the_canvas_to_the_bit() -> None:
    stack = climbed(NormalizedAscent())
    target = soft_target(stack)
    assert torch.equal(moved(stack, target).canvas, target)


@each_case(
    ("optimizer", "method", "misses"),
    [(SGD(50), "spectral", 1e-4), (SGD(50, 0.9), "layers", 0.1), (Adam(), "layers", 0.1)],
)
def test_parameters_stay_true_and_lead_near_to_the_canvas(optimizer: Optimizer, method: str, misses: float) -> None:
    stack = climbed(optimizer, replace(MOVED, method=method))  # type: ignore[arg-type]
    target = soft_target(stack)
    after = moved(stack, target)
    assert after.parameters is not None
    whole = after.start + after.spec.operator(CPU).forward(after.parameters)
    assert torch.equal(after.canvas, whole)
    assert (after.canvas - target).norm() < misses * (stack.canvas - target).norm()
    parts = decompose(after)
    torch.testing.assert_close(parts.canvas(), after.canvas, atol=1e-4, rtol=0)


@each_case("optimizer", [NormalizedAscent(), SGD(50)])
def test_frozen_bands_do_not_move(optimizer: Optimizer) -> None:
    spec = replace(MOVED, frozen=((1, 8),))
    stack = climbed(optimizer, spec)
    after = moved(stack, soft_target(stack))
    change = after.canvas - stack.canvas
    assert change.norm() > 1
    kept = change - spec.operator(CPU).remove_frozen(change)
    assert kept.norm() < 1e-3 * change.norm()


def test_nothing_moves_without_a_change() -> None:
    stack = climbed(NormalizedAscent(), replace(MOVED, frozen=((1, 8),)))
    assert torch.equal(moved(stack, stack.canvas).canvas, stack.canvas)
