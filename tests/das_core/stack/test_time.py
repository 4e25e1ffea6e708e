"""Films: levels in time, and K against autograd through explicit levels in all three directions."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import level_shape
from das_core.stack.spec import StackSpec
from das_core.stack.time import (
    MOST_FRAMES,
    FilmOperator,
    Time,
    interpolation_matrix,
    list_time_levels,
    mix_frames,
    time_matrix,
    time_root,
)
from stops import assert_ends_anywhere
from toys import draw

CPU = torch.device("cpu")
SPEC = StackSpec(24, 16, 4, levels=(1, 5, 12, 32))
FILM = replace(SPEC, time=Time(6))


@each_case("frames", 1, 2, 3, 5, 12, 48, 1000)
def test_the_levels_by_default_are_two_an_octave_and_every_frame(frames: int) -> None:
    expected = {frames} if frames > 2 else {1, frames}
    for octave in range(12):
        expected |= {n for n in (2 * 2**octave, 3 * 2**octave) if n <= frames}
    assert list_time_levels(frames) == tuple(sorted(expected))


@each_case(("points", "frames"), (1, 4), (2, 5), (4, 12), (5, 5), (7, 12))
def test_interpolation_in_time_is_that_of_torch_and_points_of_a_loop_meet_around_its_end(
    points: int, frames: int
) -> None:
    values = torch.randn(1, 2, points, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for rounds in (1, 3):
        # The middle one of three rounds has the neighbours of a loop.
        expected = F.interpolate(values.repeat(1, 1, rounds), size=rounds * frames, mode="linear")
        begin = rounds // 2 * frames
        matrix = interpolation_matrix(points, frames, loop=rounds == 3)
        torch.testing.assert_close(values @ matrix.T, expected[..., begin : begin + frames])


@each_case("loop", False, True)
def test_frames_that_are_asked_alike_move_alike_and_a_single_one_as_a_picture(loop: bool) -> None:
    for frames in (2, 5, 12, 30):
        moved = time_matrix(Time(frames, loop=loop)) @ torch.ones(frames, dtype=torch.float64)
        assert float(moved.max() / moved.min()) < 1.02
    assert time_matrix(Time(1, loop=loop)).tolist() == [[1.0]]
    matrix = time_matrix(Time(12, loop=True))
    for shift in range(12):
        assert torch.equal(matrix.roll((shift, shift), (0, 1)), matrix)


@each_case("loop", False, True)
def test_the_root_times_itself_is_k_with_a_level_of_one_point(loop: bool) -> None:
    time = Time(9, loop=loop)
    expected = time_matrix(time, (1, *list_time_levels(9)), 0.4)
    torch.testing.assert_close(time_root(time, 0.4) @ time_root(time, 0.4), expected)


@each_case("frames", 0, MOST_FRAMES + 1, 2.0, "12", None)
def test_a_number_of_frames_that_cannot_be_is_refused(frames: Any) -> None:
    with pytest.raises(ValueError, match=r"^frames .* is not a whole number from 1 to 1024"):
        Time(frames)


@each_case("loop", False, True)
def test_the_noise_of_a_film_goes_over_from_frame_to_frame(loop: bool) -> None:
    canvas = ImageStack.noise(StackSpec(32, 32, 8, time=Time(24, loop=loop))).canvas
    steps = (canvas.roll(-1, 0) - canvas).square().mean(dim=(1, 2, 3)).sqrt()
    across = float((canvas[0] - canvas[12]).square().mean().sqrt())
    assert float(steps[:-1].max()) < 0.7 * across
    assert (float(steps[-1]) < 0.7 * across) is loop
    torch.testing.assert_close(canvas.square().mean(dim=(1, 2, 3)), torch.ones(24))


def test_many_levels_in_time_can_be_ended_between_them() -> None:
    # All levels of the longest film take minutes.
    assert assert_ends_anywhere(lambda: time_matrix(Time(20), tuple(range(1, 21)))) == 20


def test_mixed_frames_are_weighted_sums_and_many_are_mixed_in_parts_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames, matrix = draw(48, 3, 20, 24), time_matrix(Time(48)).float()
    whole = mix_frames(matrix, frames)
    torch.testing.assert_close(whole, torch.einsum("st,tchw->schw", matrix, frames), rtol=1e-4, atol=1e-4)
    monkeypatch.setattr("das_core.common.products._MOST_AT_ONCE", 7 * frames.numel())
    assert torch.equal(mix_frames(matrix, frames), whole)
    assert assert_ends_anywhere(lambda: mix_frames(matrix, frames)) > 48 // 7


def explicit(gradient: Tensor, spec: StackSpec, loop: bool) -> Tensor:
    """K G by autograd through torch's own interpolations of levels (r, 3, h, w), in float64.

    The levels of a loop stand at every phase: each is interpolated on three rounds, of which the middle one counts, and
    shifted.
    """
    frames = len(gradient)
    phases = range(frames) if loop else range(1)

    def enlarge(level: Tensor, phase: int) -> Tensor:
        along = level.flatten(1).T[None]
        if loop:
            along = F.interpolate(along.repeat(1, 1, 3), size=3 * frames, mode="linear")[..., frames : 2 * frames]
        else:
            along = F.interpolate(along, size=frames, mode="linear")
        film = along[0].T.unflatten(1, level.shape[1:]).roll(phase, 0) / math.sqrt(len(phases))
        return F.interpolate(film, size=spec.canvas, mode="bicubic", align_corners=False)

    total = torch.zeros(gradient.shape, dtype=torch.float64)
    for size in spec.levels:
        for points in list_time_levels(frames):
            for phase in phases:
                shape = (points, 3, *level_shape(size, spec.canvas))
                level = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
                (enlarge(level, phase) * gradient.double()).sum().backward()
                assert level.grad is not None
                total += enlarge(level.grad, phase)
    return total


@each_case("loop", False, True)
@each_case("frames", 6, 5, 2, 1)
def test_k_in_space_and_time_is_autograd_through_levels_in_three_directions(frames: int, loop: bool) -> None:
    gradient = draw(frames, 3, *SPEC.canvas)
    # With these two levels K in space is diagonal, so the form `spectral` is exact.
    k = replace(SPEC, levels=(1, 32), time=Time(frames, loop=loop)).operator(CPU)
    expected = explicit(gradient, replace(SPEC, levels=(1, 32)), loop)
    torch.testing.assert_close(k.precondition(gradient).double(), expected, rtol=1e-4, atol=1e-3)


def test_frames_without_a_gradient_move_with_the_others() -> None:
    k, gradient = FILM.operator(CPU), draw(6, 3, *FILM.canvas)
    gradient[[0, 2, 3]] = 0
    moved = k.precondition(gradient, 4.0)
    assert isinstance(k, FilmOperator)
    whole = mix_frames(k.matrix, k.space.precondition(gradient, 4.0))
    torch.testing.assert_close(moved, whole, rtol=1e-4, atol=1e-4)
    assert float(moved[0].abs().mean()) > 0
    assert not k.precondition(torch.zeros_like(gradient)).any()


def test_frozen_bands_stay() -> None:
    gradient = draw(6, 3, *FILM.canvas)
    k, free = (replace(FILM, frozen=bands).operator(CPU) for bands in (((5, 12),), ()))
    moved, moved_all = k.precondition(gradient), free.precondition(gradient)
    torch.testing.assert_close(k.remove_frozen(moved), moved, rtol=1e-4, atol=1e-3)
    # Without frozen bands the same gradient also moves what `remove_frozen` takes away.
    assert float((k.remove_frozen(moved_all) - moved_all).abs().max()) > 0.1
