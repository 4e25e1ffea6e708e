"""Stacks edited by their levels, and films by their changes in time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.fft import dct, idct
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.bands import FINEST, Band, EmptyBandError
from das_core.stack.color import from_rgb
from das_core.stack.decomposition import decompose, decompose_change
from das_core.stack.edit import edit_stack, estimate_edit_bytes, scale_changes
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.views.windows import Windows
from toys import SPEC, VIEWS, climb

LEVELS = (1, 2, 4, 8, 16, 32, 48)
METHODS = ["spectral", "layers"]
ALL = (1, FINEST)
GREY = ImageStack.gray(SPEC, 2)
FILM = StackSpec(24, 16, 8)


def climbed(method: str = "spectral", optimizer: Optimizer | None = None, seed: int = 0, **spec: Any) -> ImageStack:
    """A stack of two images that has climbed from noise."""
    made: dict[str, Any] = {"levels": LEVELS, "method": method} | spec
    return climb(
        ImageStack.noise(StackSpec(32, 32, 8, **made), 2, seed=seed), optimizer=optimizer or SGD(0.5), seed=seed
    ).stack


def low(canvas: Tensor, level: int) -> Tensor:
    """What of a canvas a level of this resolution can show."""
    coefficients = SPEC.operator(torch.device("cpu")).basis.forward(canvas)
    return coefficients[..., :level, :level]


@each_case("method", METHODS)
def test_a_gain_scales_the_levels_of_its_band_and_no_others(method: str) -> None:
    stack = climbed(method)
    before = decompose(stack)
    after = edit_stack(stack, gains=[((4, 8), 0.25), ((8, 8), 2.0)])
    expected = stack.canvas - 0.75 * before.sum_levels([2]) - 0.5 * before.sum_levels([3])
    torch.testing.assert_close(after.canvas, expected, rtol=0, atol=1e-5)
    assert (after.spec, after.steps) == (stack.spec, stack.steps)
    # A band of everything is the canvas, with what the finest level cannot show.
    stack = climbed(method, levels=(1, 5, 20))
    torch.testing.assert_close(edit_stack(stack, gains=[(ALL, 0.5)]).canvas, 0.5 * stack.canvas, rtol=0, atol=1e-5)


@each_case("method", METHODS)
def test_a_reset_band_is_what_it_was_at_the_start(method: str) -> None:
    stack = climbed(method)
    torch.testing.assert_close(edit_stack(stack, reset=[ALL]).canvas, stack.start, rtol=0, atol=1e-5)
    fine = edit_stack(stack, reset=[(16, FINEST)])
    expected = stack.start + decompose_change(stack).sum_levels([0, 1, 2, 3])
    torch.testing.assert_close(fine.canvas, expected, rtol=0, atol=1e-5)
    # What was taken back can be climbed again and taken back again.
    again = edit_stack(climb(fine, steps=2, optimizer=NormalizedAscent()).stack, reset=[ALL])
    torch.testing.assert_close(again.canvas, stack.start, rtol=0, atol=1e-5)


@each_case("optimizer", [NormalizedAscent(), NormalizedAscent(momentum=0.5), SGD(0.5, 0.9), Adam()])
@each_case("method", METHODS)
def test_frozen_bands_stay_as_they_are_in_later_ascents(method: str, optimizer: Optimizer) -> None:
    stack = climbed(method)
    coarse = edit_stack(stack, freeze=[(1, 8)])
    torch.testing.assert_close(coarse.canvas, stack.canvas, rtol=0, atol=1e-5)
    change = climb(coarse, optimizer=optimizer).stack.canvas - coarse.canvas
    assert low(change, 8).norm() < 1e-5 * change.norm()
    assert change.norm() > 0.1
    change = climb(edit_stack(stack, freeze=[(9, FINEST)]), optimizer=optimizer).stack.canvas - stack.canvas
    assert low(change, 8).norm() > 0.9999 * change.norm()


def test_a_climb_that_is_partly_frozen_can_be_continued_and_thawed() -> None:
    first = climb(edit_stack(climbed(), freeze=[(1, 8)]), steps=4, optimizer=SGD(0.5), schedule="constant").stack
    half = climb(edit_stack(climbed(), freeze=[(1, 8)]), steps=2, optimizer=SGD(0.5), schedule="constant").stack
    assert torch.equal(climb(half, steps=2, optimizer=SGD(0.5), schedule="constant").stack.canvas, first.canvas)
    thawed = climb(edit_stack(first), steps=2).stack
    assert thawed.spec.frozen == ()
    assert low(thawed.canvas - first.canvas, 8).norm() > 0.1


def test_a_tile_is_edited_and_frozen_like_any_other() -> None:
    spec = StackSpec(32, 32, 0, levels=(1, 2, 4, 8, 16, 32), tile=True)
    still = replace(VIEWS, windows=Windows(0))
    stack = climb(ImageStack.noise(spec), optimizer=SGD(0.5), augmentation=still).stack
    torch.testing.assert_close(edit_stack(stack, gains=[(ALL, 0.5)]).canvas, 0.5 * stack.canvas, rtol=0, atol=1e-5)
    change = climb(edit_stack(stack, freeze=[(1, 8)]), augmentation=still).stack.canvas - stack.canvas
    coefficients = torch.fft.rfft2(change)
    assert coefficients[..., [0, 1, 2, 3, -1, -2, -3], :4].abs().max() < 1e-4 * coefficients.abs().max()


@each_case("method", METHODS)
def test_a_blend_goes_from_one_stack_to_the_other_in_all_bands_or_some(method: str) -> None:
    one, other = climbed(method), climbed(method, seed=5)
    for share in (0.0, 0.3, 1.0):
        mixed = edit_stack(one, other=other, blend=share)
        torch.testing.assert_close(mixed.canvas, one.canvas.lerp(other.canvas, share), rtol=0, atol=1e-5)
        torch.testing.assert_close(mixed.start, one.start.lerp(other.start, share), rtol=0, atol=1e-5)
    # The large shapes of one and the detail of the other.
    mixed = edit_stack(one, other=other, blend=1.0, blend_bands=[(16, FINEST)])
    expected = decompose(one).sum_levels([0, 1, 2, 3]) + decompose(other).sum_levels([4, 5, 6])
    torch.testing.assert_close(mixed.canvas, expected, rtol=0, atol=1e-5)


def test_stacks_of_other_levels_colours_and_batches_blend_too() -> None:
    one, other = climbed(), climbed("layers", seed=5, color="rgb")
    mixed = edit_stack(one, other=other, blend=1.0)
    torch.testing.assert_close(mixed.canvas, from_rgb(other.canvas, "decorrelated"), rtol=0, atol=1e-5)
    assert mixed.spec == one.spec
    single = ImageStack.noise(StackSpec(32, 32, 8, levels=(1, 9)), seed=3)
    torch.testing.assert_close(
        edit_stack(one, other=single, blend=1.0).canvas, single.canvas.expand(2, -1, -1, -1), rtol=0, atol=1e-5
    )


def test_an_edited_stack_goes_on_with_any_optimizer() -> None:
    stack = climb(climbed(optimizer=NormalizedAscent(momentum=0.5)), optimizer=NormalizedAscent(momentum=0.5)).stack
    assert stack.optimizer_state is not None
    stack = edit_stack(stack, gains=[((1, 4), 0.5)])
    assert stack.optimizer_state is None
    for optimizer in (NormalizedAscent(), SGD(0.5), Adam()):
        result = climb(stack, optimizer=optimizer)
        assert torch.isfinite(result.image).all()
        assert result.history[0].step == 10


@each_case(
    ("edit", "says"),
    [
        ({"gains": [((3, 3), 0.5)]}, "the band '3' holds no level"),
        ({"gains": [(ALL, 1e6)] * 10}, "the edit leads to values that are not finite; use smaller factors"),
        ({"reset": [((49, FINEST))]}, "the band '49-' holds no level"),
        ({"freeze": [(3, 3)]}, "the band '3' holds no level"),
        ({"freeze": [ALL]}, "the frozen bands 1- leave nothing that could move; freeze fewer"),
        ({"freeze": [(1, 16), (17, 48)]}, "the frozen bands 1-16, 17-48 leave nothing"),
        ({"other": GREY, "blend": 1.5}, "blend 1.5 is not between 0"),
        ({"other": GREY, "blend_bands": [(3, 3)]}, "the band '3' holds no level"),
        ({"other": ImageStack.gray(StackSpec(32, 40, 8), 2)}, "a stack of 32 x 32 .* not blend with one of 32 x 40"),
        ({"other": ImageStack.gray(SPEC, 3)}, "2 images do not blend with 3: the other stack needs 1 or 2$"),
    ],
)
def test_bad_edits_are_named(edit: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        edit_stack(climbed(), **edit)


@each_case("mixed", [False, True])
def test_the_estimate_is_within_a_factor_of_two(mixed: bool) -> None:
    # A number of levels of this test alone, so that its operator is not taken from the cache.
    levels = tuple(range(1, 129, 3 + mixed))
    with PeakBytes() as made:
        stack = ImageStack.noise(StackSpec(96, 96, 16, levels=levels))
        other = ImageStack.noise(stack.spec, seed=1) if mixed else None
        edit_stack(stack, gains=[((1, 16), 0.5)], other=other)
    assert made.peak / 2 < estimate_edit_bytes(stack, other) < 2 * made.peak


def film(frames: int, *, loop: bool = False) -> ImageStack:
    return ImageStack.noise(replace(FILM, time=Time(frames, loop=loop)), decay=0.8)


@each_case("frames", [2, 7, 12])
def test_changes_are_those_of_the_cosine_transform(frames: int) -> None:
    stack = film(frames)
    edited = scale_changes(stack, [((1, 1), 0.5), ((frames - 1, FINEST), 3.0)])
    factors = np.ones(frames)
    factors[1] *= 0.5
    factors[-1] *= 3.0
    for part, expected in ((edited.canvas, stack.canvas), (edited.start, stack.start)):
        tones = dct(expected.double().numpy(), axis=0) * factors[:, None, None, None]
        torch.testing.assert_close(part, torch.from_numpy(idct(tones, axis=0)).float(), rtol=0, atol=1e-5)


@each_case("frames", [2, 7, 12])
def test_changes_of_a_loop_are_waves_around_it(frames: int) -> None:
    stack = film(frames, loop=True)
    edited = scale_changes(stack, [((1, FINEST), 0.25), ((frames // 2, FINEST), 3.0)])
    tones = np.fft.fft(stack.canvas.double().numpy(), axis=0)
    tones[1:] *= 0.25
    tones[frames // 2 : (frames + 1) // 2 + 1] *= 3
    torch.testing.assert_close(
        edited.canvas, torch.from_numpy(np.fft.ifft(tones, axis=0).real).float(), rtol=0, atol=1e-5
    )


def test_a_film_without_changes_stands_still_and_climbs_on() -> None:
    stack = climb(film(6), steps=1, optimizer=NormalizedAscent(momentum=0.5, tilt=0.0)).stack
    still = scale_changes(stack, [((1, FINEST), 0.0)])
    assert float((still.image() - still.image()[:1]).abs().max()) < 1e-5
    assert (still.spec, still.steps) == (stack.spec, stack.steps)
    assert still.optimizer_state is None
    moved = climb(still, steps=1, optimizer=NormalizedAscent(tilt=0.0)).stack
    assert moved.steps == stack.steps + 1
    assert (moved.canvas != still.canvas).any()


@each_case(
    ("stack", "gains", "error", "says"),
    [
        (
            film(6),
            [((1, FINEST), 1e6)] * 10,
            ValueError,
            "the edit leads to values that are not finite; use smaller factors",
        ),
        (film(6), [((6, FINEST), 0.0)], EmptyBandError, "the band '6-' holds no change: there are 5, from 1 to 5"),
        # A picture has no changes.
        *(
            (picture, [((1, 1), 0.0)], ValueError, "a picture has no changes in time to scale; make a film of it first")
            for picture in (ImageStack.noise(FILM, 3), film(1))
        ),
    ],
)
def test_changes_that_cannot_be_scaled_are_refused(
    stack: ImageStack, gains: list[tuple[Band, float]], error: type[ValueError], says: str
) -> None:
    with pytest.raises(error, match=says):
        scale_changes(stack, gains)
