"""Stacks taken apart: that the parts sum to the whole, that they are those of least norm, and what is left over."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

import das_core as da
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.optimizers import Optimizer
from das_core.stack.decomposition import (
    decompose_change,
    decompose_start,
    estimate_decomposition_bytes,
    estimate_sum_bytes,
    sum_groups,
)
from das_core.stack.levels import level_shape
from stops import assert_ends_anywhere
from toys import SPEC, climb

LEVELS = (1, 2, 4, 8, 16, 32, 48)
GROUPS = [[0, 1], [2], [3, 4]]
GROUPED = da.StackSpec(32, 24, 8, levels=(1, 4, 9, 30, 48))
SMALL = da.StackSpec(32, 32, 0, levels=(1, 4, 16))


def photograph(height: int, width: int) -> Tensor:
    noise = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


@each_case(("levels", "tile"), [(None, False), (LEVELS, False), ((3, 20), False), ((1, 4, 9, 32), True)])
@each_case("optimizer", [da.NormalizedAscent(), da.SGD(0.5), da.Adam()])
@each_case("method", ["spectral", "layers"])
def test_the_parts_of_a_stack_sum_to_it(method: Any, optimizer: Optimizer, levels: Any, tile: bool) -> None:
    spec = da.StackSpec(32, 24, 0 if tile else 8, method=method, levels=levels, tile=tile)
    stack = climb(da.ImageStack.noise(spec), steps=2, optimizer=optimizer).stack
    whole, start, change = da.decompose(stack), decompose_start(stack), decompose_change(stack)
    assert [part.shape[2:] for part in whole.levels] == [level_shape(r, spec.canvas) for r in spec.levels]
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(whole.canvas(), stack.canvas, **close)
    torch.testing.assert_close(start.canvas(), stack.start, **close)
    torch.testing.assert_close(change.canvas(), stack.canvas - stack.start, **close)
    one_by_one = sum(whole.sum_levels([number]) for number in range(len(whole.levels)))
    torch.testing.assert_close(one_by_one, stack.canvas, **close)
    for level, one, other in zip(whole.levels, start.levels, change.levels, strict=True):
        torch.testing.assert_close(level, one + other, rtol=1e-4, atol=1e-3)
    if levels != (3, 20):
        assert whole.rest.norm() < 0.05 * stack.canvas.norm()


def test_a_grey_start_has_empty_levels_and_no_rest() -> None:
    parts = decompose_start(da.ImageStack.gray(da.StackSpec(32, 24, 4, levels=(1, 5, 20)), 2))
    assert [tuple(level.shape) for level in parts.levels] == [(2, 3, 1, 1), (2, 3, 4, 5), (2, 3, 16, 20)]
    assert not any(bool(level.any()) for level in (*parts.levels, parts.rest))


def test_the_rest_is_what_the_finest_level_cannot_show_and_comes_with_it() -> None:
    stack = da.ImageStack.from_canvas(SMALL, torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    parts = da.decompose(stack)
    assert 0.5 * stack.canvas.norm() < parts.rest.norm() < stack.canvas.norm()
    shown = parts.operator.adjoint(parts.rest).tensors[-1]
    assert shown.norm() < 1e-4 * parts.operator.adjoint(stack.canvas).tensors[-1].norm()
    for number in range(3):
        alone = parts.operator.enlarge(number, parts.levels[number])
        expected = alone + parts.rest if number == 2 else alone
        torch.testing.assert_close(parts.sum_levels([number]), expected, rtol=0, atol=1e-6)
    assert not parts.sum_levels([]).any()


def test_frozen_bands_have_levels_too() -> None:
    stack = climb(da.ImageStack.noise(da.StackSpec(32, 32, 8, levels=LEVELS)), steps=2, optimizer=da.SGD(0.5)).stack
    frozen = da.edit_stack(stack, freeze=[(1, 8)])
    assert all(map(torch.equal, da.decompose(frozen).levels, da.decompose(replace(frozen, spec=stack.spec)).levels))


def test_the_levels_of_a_tile_sum_to_it_and_roll_with_it() -> None:
    # Half of the tile is a whole number of samples of every level but the first, which is the same everywhere.
    spec = da.StackSpec(32, 32, 0, levels=(1, 4, 16, 32), tile=True)
    stack = da.ImageStack.noise(spec, 2)
    torch.testing.assert_close(da.decompose(stack).canvas(), stack.canvas, rtol=0, atol=1e-5)
    rolled = da.ImageStack.from_canvas(spec, stack.canvas.roll((16, 16), (2, 3)))
    for level, other in zip(da.decompose(stack).levels, da.decompose(rolled).levels, strict=True):
        half = level.shape[2] // 2
        torch.testing.assert_close(other, level.roll((half, half), (2, 3)), rtol=0, atol=1e-4)


def test_scaling_and_adding_work_level_by_level_and_on_the_rest_as_on_the_finest() -> None:
    parts, other = (da.decompose(da.ImageStack.noise(SMALL, seed=seed)) for seed in (3, 4))
    scaled = parts.scale([2.0, 0.0, -1.0])
    expected = 2 * parts.sum_levels([0]) - parts.sum_levels([2])
    torch.testing.assert_close(scaled.canvas(), expected, rtol=0, atol=1e-6)
    assert torch.equal(scaled.rest, -parts.rest)
    with pytest.raises(ValueError, match="zip"):
        parts.scale([1.0, 1.0])
    torch.testing.assert_close(parts.add(other).canvas(), parts.canvas() + other.canvas(), rtol=0, atol=1e-6)
    assert torch.equal(parts.add(other).rest, parts.rest + other.rest)


# Levels of this test alone, so that no operator is taken from the cache.
@each_case(
    ("sides", "batch", "levels"),
    [((96, 96), 1, range(3, 129, 5)), ((64, 96), 4, range(2, 129, 7)), ((96, 64), 1, [91])],
)
def test_the_estimate_of_memory_is_no_less_than_what_is_used(
    sides: tuple[int, int], batch: int, levels: Sequence[int]
) -> None:
    stack = da.ImageStack.noise(da.StackSpec(*sides, 16, levels=tuple(levels)), batch=batch)
    with PeakBytes() as made:
        da.decompose(stack)
    assert made.peak < estimate_decomposition_bytes(stack) < 3 * made.peak


def summation(spec: da.StackSpec) -> NDArray[np.float64]:
    """Forward as one matrix (pixels, samples of all levels), by torch's own interpolation of every sample by itself."""
    columns = []
    for level in spec.levels:
        shape = level_shape(level, spec.canvas)
        units = torch.eye(shape[0] * shape[1], dtype=torch.float64).reshape(-1, 1, *shape)
        columns.append(F.interpolate(units, size=spec.canvas, mode="bicubic", align_corners=False).flatten(1).T)
    return torch.cat(columns, dim=1).numpy()


def least_norm(spec: da.StackSpec, canvas: Tensor) -> list[Tensor]:
    """The levels of least norm that come nearest to a canvas, by NumPy's pseudo-inverse in float64."""
    samples = np.linalg.pinv(summation(spec), rcond=1e-9) @ canvas.double().flatten(2).flatten(0, 1).numpy().T
    shapes = [level_shape(level, spec.canvas) for level in spec.levels]
    ends = np.cumsum([height * width for height, width in shapes])[:-1]
    return [
        torch.from_numpy(part.T.copy()).reshape(*canvas.shape[:2], *shape).float()
        for part, shape in zip(np.split(samples, ends), shapes, strict=True)
    ]


def norm(levels: Sequence[Tensor]) -> float:
    return float(torch.cat([level.flatten() for level in levels]).norm())


@each_case("optimizer", [da.SGD(0.5), da.SGD(0.5, momentum=0.9)])
def test_the_levels_of_an_ascent_are_those_of_least_norm(optimizer: Optimizer) -> None:
    """What gradients alone have moved from zero lies in the range of the adjoint, as the pseudo-inverse does."""
    spec = da.StackSpec(24, 16, 8, levels=(1, 3, 7, 18), method="layers")
    stack = climb(da.ImageStack.gray(spec), steps=3, optimizer=optimizer).stack
    for level, reference in zip(
        decompose_change(stack).levels, least_norm(spec, stack.canvas - stack.start), strict=True
    ):
        assert (level - reference).norm() < 1e-3 * reference.norm()


@each_case("levels", [(1, 4, 12, 32), (1, 3, 7, 18)])
def test_the_levels_of_a_canvas_have_nearly_the_least_norm(levels: tuple[int, ...]) -> None:
    """Nearly, because K+ is that of the spectral form; no levels with the same sum can have a lesser one."""
    spec = da.StackSpec(24, 16, 4, levels=levels)
    stack = da.ImageStack.from_image(spec, photograph(16, 24))
    parts = da.decompose(stack)
    best = least_norm(spec, stack.canvas - parts.rest)
    assert 0.999 * norm(best) < norm(parts.levels) < 1.25 * norm(best)
    difference = [level - reference for level, reference in zip(parts.levels, best, strict=True)]
    assert norm(difference[:-1]) < norm(difference[-1:])


def test_levels_are_those_that_adam_has_moved() -> None:
    stack = climb(da.ImageStack.noise(replace(SPEC, method="layers")), steps=2, optimizer=da.Adam()).stack
    assert stack.parameters is not None
    assert all(
        level is moved for level, moved in zip(decompose_change(stack).levels, stack.parameters.tensors, strict=True)
    )


@each_case(
    ("spec", "optimizer"),
    [
        (GROUPED, da.SGD(0.5)),
        (GROUPED, da.NormalizedAscent()),
        (replace(GROUPED, method="layers"), da.Adam()),
        (replace(GROUPED, frozen=((1, 4),)), da.SGD(0.5)),
        (da.StackSpec(48, 48, 0, levels=GROUPED.levels, tile=True), None),
        (GROUPED, None),
    ],
)
def test_sums_of_groups_are_those_of_the_decomposition(spec: da.StackSpec, optimizer: Optimizer | None) -> None:
    stack = da.ImageStack.noise(spec, 2)
    if optimizer is not None:
        stack = climb(stack, steps=2, optimizer=optimizer).stack
    parts = da.decompose(stack)
    for made, numbers in zip(sum_groups(stack, GROUPS), GROUPS, strict=True):
        torch.testing.assert_close(made, parts.sum_levels(numbers), rtol=1e-3, atol=1e-4)


def test_the_work_can_be_ended_at_every_level() -> None:
    stack = da.ImageStack.noise(GROUPED)
    assert assert_ends_anywhere(lambda: list(sum_groups(stack, GROUPS))) >= 4
    assert not any(canvas.any() for canvas in sum_groups(da.ImageStack.gray(GROUPED), GROUPS))


def test_the_estimate_of_sums_is_within_a_factor_of_two_and_does_not_grow_with_the_levels() -> None:
    peaks = []
    for step in (2, 8):
        stack = da.ImageStack.noise(da.StackSpec(96, 96, 16, levels=tuple(range(1, 129, step))))
        with PeakBytes() as made:
            for _ in sum_groups(stack, [[number] for number in range(len(stack.spec.levels))]):
                pass
        assert made.peak / 2 < estimate_sum_bytes(stack) < 2 * made.peak
        peaks.append(made.peak)
    assert peaks[0] < 1.5 * peaks[1]
