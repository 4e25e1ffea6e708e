"""The changes of a film by their speed: against the transforms of NumPy and SciPy, and what is no film."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.fft import dct, idct

from cases import each_case
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.stack.bands import FINEST, Band, EmptyBandError
from das_core.stack.changes import make_change_matrix, scale_changes
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from toys import climb

SPEC = StackSpec(24, 16, 8)


def film(frames: int, *, loop: bool = False) -> ImageStack:
    return ImageStack.noise(replace(SPEC, time=Time(frames, loop=loop)), decay=0.8)


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
    edited = scale_changes(stack, [((1, FINEST), 0.25)])
    tones = np.fft.fft(stack.canvas.double().numpy(), axis=0)
    tones[1:] *= 0.25
    torch.testing.assert_close(
        edited.canvas, torch.from_numpy(np.fft.ifft(tones, axis=0).real).float(), rtol=0, atol=1e-5
    )
    turned = make_change_matrix(Time(frames, loop=True), torch.linspace(1, 0, frames // 2 + 1).double())
    torch.testing.assert_close(turned.roll((1, 1), (0, 1)), turned)


@each_case("loop", [False, True])
def test_factors_of_1_leave_even_the_longest_film_as_it_is(loop: bool) -> None:
    count = 513 if loop else 1024
    matrix = make_change_matrix(Time(1024, loop=loop), torch.ones(count, dtype=torch.float64))
    torch.testing.assert_close(matrix, torch.eye(1024, dtype=torch.float64), rtol=0, atol=1e-10)


def test_a_film_without_changes_stands_still_and_climbs_on() -> None:
    stack = film(6)
    still = scale_changes(stack, [((1, FINEST), 0.0)])
    assert float((still.image() - still.image()[:1]).abs().max()) < 1e-5
    assert (still.spec, still.steps) == (stack.spec, stack.steps)
    moved = climb(still, steps=1, optimizer=NormalizedAscent(tilt=0.0)).stack
    assert moved.steps == stack.steps + 1
    assert (moved.canvas != still.canvas).any()


def test_fast_changes_are_taken_out() -> None:
    stack = film(12)
    smoother = scale_changes(stack, [((4, FINEST), 0.0)])
    before, after = (float(edited.canvas.diff(dim=0).square().mean()) for edited in (stack, smoother))
    assert after < before / 2
    torch.testing.assert_close(smoother.canvas.mean(dim=0), stack.canvas.mean(dim=0), rtol=0, atol=1e-5)


def test_what_the_optimizer_remembers_is_dropped() -> None:
    stack = climb(film(3), steps=1, optimizer=NormalizedAscent(momentum=0.5, tilt=0.0)).stack
    assert stack.optimizer_state is not None
    assert scale_changes(stack, [((1, 1), 1.0)]).optimizer_state is None


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
            for picture in (ImageStack.noise(SPEC, 3), film(1))
        ),
    ],
)
def test_changes_that_cannot_be_scaled_are_refused(
    stack: ImageStack, gains: list[tuple[Band, float]], error: type[ValueError], says: str
) -> None:
    with pytest.raises(error, match=says):
        scale_changes(stack, gains)
