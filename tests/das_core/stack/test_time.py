from typing import Any

import pytest
import torch
import torch.nn.functional as F

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import (
    MOST_FRAMES,
    Time,
    interpolation_matrix,
    list_time_levels,
    mix_frames,
    time_matrix,
    time_root,
)
from stops import assert_ends_anywhere


@each_case("frames", [1, 2, 3, 5, 12, 48, 1000])
def test_the_levels_by_default_are_two_an_octave_and_every_frame(frames: int) -> None:
    expected = {frames} if frames > 2 else {1, frames}
    for octave in range(12):
        expected |= {n for n in (2 * 2**octave, 3 * 2**octave) if n <= frames}
    assert list_time_levels(frames) == tuple(sorted(expected))


@each_case(("points", "frames"), [(1, 5), (2, 5), (4, 12), (5, 5), (7, 12)])
def test_interpolation_in_time_is_that_of_torch(points: int, frames: int) -> None:
    values = torch.randn(1, 2, points, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(values, size=frames, mode="linear", align_corners=False)
    torch.testing.assert_close((values @ interpolation_matrix(points, frames).T), expected)


def test_points_of_a_loop_meet_around_its_end() -> None:
    """Three times the same points without an end: the frames in the middle have the neighbours of a loop."""
    for points, frames in ((1, 4), (2, 6), (4, 12), (5, 12)):
        values = torch.randn(points, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        expected = interpolation_matrix(3 * points, 3 * frames) @ values.repeat(3, 1)
        looped = interpolation_matrix(points, frames, loop=True) @ values
        torch.testing.assert_close(looped, expected[frames : 2 * frames])


def test_all_frames_of_a_loop_are_alike() -> None:
    matrix = time_matrix(Time(12, loop=True))
    for shift in range(12):
        assert torch.equal(matrix.roll((shift, shift), (0, 1)), matrix)
    once = sum(u @ u.T for u in (interpolation_matrix(points, 12, loop=True) for points in list_time_levels(12)))
    shifted = torch.stack([once.roll((shift, shift), (0, 1)) for shift in range(12)])
    torch.testing.assert_close(matrix, shifted.mean(dim=0))


@each_case("loop", [False, True])
def test_frames_that_are_asked_alike_move_alike_and_a_single_one_as_a_picture(loop: bool) -> None:
    for frames in (2, 5, 12, 30):
        moved = time_matrix(Time(frames, loop=loop)) @ torch.ones(frames, dtype=torch.float64)
        assert float(moved.max() / moved.min()) < 1.02
    assert time_matrix(Time(1, loop=loop)).tolist() == [[1.0]]


@each_case("loop", [False, True])
def test_the_root_times_itself_is_k_with_a_level_of_one_point(loop: bool) -> None:
    time = Time(9, loop=loop)
    expected = time_matrix(time, (1, *list_time_levels(9)), 0.4)
    torch.testing.assert_close(time_root(time, 0.4) @ time_root(time, 0.4), expected)


@each_case("frames", [0, MOST_FRAMES + 1, 2.0, "12", None])
def test_a_number_of_frames_that_cannot_be_is_refused(frames: Any) -> None:
    with pytest.raises(ValueError, match=r"^frames .* is not a whole number from 1 to 1024"):
        Time(frames)


@each_case("loop", [False, True])
def test_the_noise_of_a_film_goes_over_from_frame_to_frame(loop: bool) -> None:
    spec = StackSpec(32, 32, 8, time=Time(24, loop=loop))
    canvas = ImageStack.noise(spec).canvas
    steps = (canvas.roll(-1, 0) - canvas).square().mean(dim=(1, 2, 3)).sqrt()
    across = float((canvas[0] - canvas[12]).square().mean().sqrt())
    assert float(steps[:-1].max()) < 0.7 * across
    assert (float(steps[-1]) < 0.7 * across) is loop
    torch.testing.assert_close(canvas.square().mean(dim=(1, 2, 3)), torch.ones(24))


def test_many_levels_in_time_can_be_ended_between_them() -> None:
    # All levels of the longest film take minutes.
    assert assert_ends_anywhere(lambda: time_matrix(Time(20), tuple(range(1, 21)))) == 20


@each_case("rows", [7, 16])
def test_mixed_frames_are_weighted_sums_and_many_are_mixed_in_parts_to_the_same_bits(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, weights = torch.randn(4, 3, 5, 6), torch.randn(2, 4)
    torch.testing.assert_close(mix_frames(weights, few), torch.einsum("st,tchw->schw", weights, few))
    frames = torch.randn(48, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    matrix = time_matrix(Time(48)).float()
    whole = mix_frames(matrix, frames)
    monkeypatch.setattr("das_core.common.products._MOST_AT_ONCE", rows * frames.numel())
    assert torch.equal(mix_frames(matrix, frames), whole)
    assert assert_ends_anywhere(lambda: mix_frames(matrix, frames)) > 48 // rows
