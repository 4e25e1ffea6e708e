"""Stacks edited by their levels, and films by their changes in time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case, refuses
from das_core.ascent.adam import Adam
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.bands import FINEST, Band, EmptyBandError
from das_core.stack.decomposition import Decomposition, decompose, estimate_decomposition_bytes
from das_core.stack.edit import edit_stack, scale_changes
from das_core.stack.image_stack import ImageStack
from das_core.stack.pixels import from_rgb
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from toys import SPEC, climb

LEVELS = (1, 2, 4, 8, 16, 32, 48)
METHODS = ["spectral", "layers"]
ALL = (1, FINEST)
GREY = ImageStack.gray(SPEC, 2)
FILM = StackSpec(24, 16, 8)


def climbed(method: str = "spectral", seed: int = 0, **spec: Any) -> ImageStack:
    """A stack of two images that has climbed from noise."""
    made: dict[str, Any] = {"levels": LEVELS, "method": method} | spec
    start = ImageStack.noise(StackSpec(32, 32, 8, **made), 2, seed=seed)
    return climb(start, steps=2, optimizer=SGD(0.5, 0.9), seed=seed).stack


def assert_near(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def low(canvas: Tensor, level: int) -> Tensor:
    """What of a canvas a level of this resolution can show."""
    return SPEC.operator(torch.device("cpu")).basis.forward(canvas)[..., :level, :level]


@each_case("method", *METHODS)
def test_a_gain_scales_the_levels_of_its_band_and_no_others(method: str) -> None:
    stack = climbed(method)
    before = decompose(stack)
    after = edit_stack(stack, gains=[((4, 8), 0.25), ((8, 8), 2.0)])
    assert_near(after.canvas, stack.canvas - 0.75 * before.sum_levels([2]) - 0.5 * before.sum_levels([3]))
    assert stack.optimizer_state is not None
    assert (after.spec, after.steps, after.optimizer_state) == (stack.spec, stack.steps, None)
    # A band of everything is the canvas, with what the finest level cannot show.
    stack = climbed(method, levels=(1, 5, 20))
    assert_near(edit_stack(stack, gains=[(ALL, 0.5)]).canvas, 0.5 * stack.canvas)


@each_case("method", *METHODS)
def test_a_reset_band_is_what_it_was_at_the_start(method: str) -> None:
    stack = climbed(method)
    assert_near(edit_stack(stack, reset=[ALL]).canvas, stack.start)
    fine = edit_stack(stack, reset=[(16, FINEST)])
    assert_near(fine.canvas, stack.start + Decomposition(stack.spec, stack.canvas - stack.start).sum_levels(range(4)))


@each_case("optimizer", NormalizedAscent(), SGD(0.5, 0.9), Adam())
def test_frozen_bands_stay_as_they_are_in_later_ascents(optimizer: Optimizer) -> None:
    stack = climbed()
    coarse = edit_stack(stack, freeze=[(1, 8)])
    assert_near(coarse.canvas, stack.canvas)
    change = climb(coarse, steps=2, optimizer=optimizer).stack.canvas - coarse.canvas
    assert low(change, 8).norm() < 1e-5 * change.norm()
    assert change.norm() > 0.1
    fine = edit_stack(stack, freeze=[(9, FINEST)])
    change = climb(fine, steps=2, optimizer=optimizer).stack.canvas - stack.canvas
    assert low(change, 8).norm() > 0.9999 * change.norm()
    thawed = edit_stack(coarse)
    assert thawed.spec.frozen == ()


@each_case("method", *METHODS)
def test_a_blend_goes_from_one_stack_to_the_other_in_all_bands_or_some(method: str) -> None:
    one, other = climbed(method), climbed(method, seed=5)
    for share in (0.0, 0.3, 1.0):
        mixed = edit_stack(one, other=other, blend=share)
        assert_near(mixed.canvas, one.canvas.lerp(other.canvas, share))
        assert_near(mixed.start, one.start.lerp(other.start, share))
    # The large shapes of one and the detail of the other.
    mixed = edit_stack(one, other=other, blend=1.0, blend_bands=[(16, FINEST)])
    assert_near(mixed.canvas, decompose(one).sum_levels([0, 1, 2, 3]) + decompose(other).sum_levels([4, 5, 6]))


def test_stacks_of_other_levels_colours_and_batches_blend_too() -> None:
    one, other = climbed(), climbed("layers", seed=5, color="rgb")
    mixed = edit_stack(one, other=other, blend=1.0)
    assert_near(mixed.canvas, from_rgb(other.canvas, "decorrelated"))
    assert mixed.spec == one.spec
    single = ImageStack.noise(StackSpec(32, 32, 8, levels=(1, 9)), seed=3)
    assert_near(edit_stack(one, other=single, blend=1.0).canvas, single.canvas.expand(2, -1, -1, -1))


test_bad_edits_are_named = refuses(
    lambda edit: edit_stack(ImageStack.noise(replace(SPEC, levels=LEVELS), 2), **edit),
    ({"gains": [((3, 3), 0.5)]}, "the band '3' holds no level"),
    ({"gains": [(ALL, 1e6)] * 10}, "the edit leads to values that are not finite; use smaller factors"),
    ({"reset": [((49, FINEST))]}, "the band '49-' holds no level"),
    ({"freeze": [(3, 3)]}, "the band '3' holds no level"),
    ({"freeze": [ALL]}, "the frozen bands 1- leave nothing that could move; freeze fewer"),
    ({"other": GREY, "blend": 1.5}, "blend 1.5 is not between 0"),
    ({"other": GREY, "blend": -0.1}, "blend -0.1 is not between 0"),
    ({"other": GREY, "blend_bands": [(3, 3)]}, "the band '3' holds no level"),
    ({"other": ImageStack.gray(StackSpec(32, 40, 8), 2)}, "a stack of 32 x 32 .* not blend with one of 32 x 40"),
    ({"other": ImageStack.gray(SPEC, 3)}, "3 images of the other stack do not go with 2 images: use 1 or 2$"),
)


@each_case("mixed", False, True)
def test_the_estimate_is_within_a_factor_of_two(mixed: bool) -> None:
    # A number of levels of this test alone, so that its operator is not taken from the cache.
    levels = tuple(range(1, 129, 3 + mixed))
    with PeakBytes() as made:
        stack = ImageStack.noise(StackSpec(96, 96, 16, levels=levels))
        other = ImageStack.noise(stack.spec, seed=1) if mixed else None
        edit_stack(stack, gains=[((1, 16), 0.5)], other=other)
    assert made.peak / 2 < estimate_decomposition_bytes(stack) < 2 * made.peak


def film(frames: int, *, loop: bool = False) -> ImageStack:
    return ImageStack.noise(replace(FILM, time=Time(frames, loop=loop)), decay=0.8)


@each_case("loop", False, True)
@each_case("frames", 2, 7, 12)
def test_changes_are_those_of_the_cosine_transform_and_of_a_loop_waves_around_it(frames: int, loop: bool) -> None:
    stack, last = replace(film(frames, loop=loop), steps=3), frames // 2 if loop else frames - 1
    edited = scale_changes(stack, [((1, FINEST), 0.25), ((last, FINEST), 3.0)])
    factors = np.array([1.0] + [0.25] * (last - 1) + [0.75])
    for part, given in ((edited.canvas, stack.canvas), (edited.start, stack.start)):
        series = given.double().numpy()
        if loop:
            expected = np.fft.irfft(np.fft.rfft(series, axis=0) * factors[:, None, None, None], n=frames, axis=0)
        else:
            expected = scipy.fft.idct(scipy.fft.dct(series, axis=0) * factors[:, None, None, None], axis=0)
        assert_near(part, torch.from_numpy(expected).float())
    assert (edited.spec, edited.steps, edited.optimizer_state) == (stack.spec, 3, None)
    still = scale_changes(stack, [((1, FINEST), 0.0)]).image()
    assert_near(still, still[:1].expand_as(still))


@each_case(
    ("stack", "gains", "error", "says"),
    (film(6), [((6, FINEST), 0.0)], EmptyBandError, "the band '6-' holds no change: there are 5, from 1 to 5"),
    (ImageStack.noise(FILM, 3), [((1, 1), 0.0)], ValueError, "a picture has no changes in time to scale; make a"),
    (film(1), [((1, 1), 0.0)], ValueError, "a picture has no changes in time"),
)
def test_changes_that_cannot_be_scaled_are_refused(
    stack: ImageStack, gains: list[tuple[Band, float]], error: type[ValueError], says: str
) -> None:
    with pytest.raises(error, match=says):
        scale_changes(stack, gains)
