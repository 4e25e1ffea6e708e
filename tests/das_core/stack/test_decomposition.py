"""Stacks taken apart: that the parts sum to the whole, that they are those of least norm, and what is left over."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.decomposition import (
    Decomposition,
    decompose,
    decompose_change,
    decompose_start,
    estimate_decomposition_bytes,
    estimate_sum_bytes,
    read_levels,
    sum_groups,
)
from das_core.stack.edit import edit_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import level_shape
from das_core.stack.parametrizations import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.stack.time import Time
from stops import assert_ends_anywhere
from toys import SPEC, climb

CPU = torch.device("cpu")
LEVELS = (1, 2, 4, 8, 16, 32, 48)
METHODS: list[OperatorForm] = ["spectral", "layers"]
GROUPS = [[0, 1], [2], [3, 4]]
GROUPED = StackSpec(32, 24, 8, levels=(1, 4, 9, 30, 48))


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


@each_case("levels", [None, LEVELS, (3, 20)])
@each_case("optimizer", [NormalizedAscent(), SGD(0.5), Adam()])
@each_case("method", METHODS)
def test_the_parts_of_a_stack_sum_to_it(method: Any, optimizer: Optimizer, levels: tuple[int, ...] | None) -> None:
    spec = StackSpec(32, 32, 8, method=method, levels=levels)  # type: ignore[arg-type]
    stack = climb(ImageStack.noise(spec), steps=3, optimizer=optimizer).stack
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(decompose(stack).canvas(), stack.canvas, **close)
    torch.testing.assert_close(decompose_start(stack).canvas(), stack.start, **close)
    whole = decompose(stack)
    one_by_one = sum(whole.sum_levels([number]) for number in range(len(whole.levels)))
    torch.testing.assert_close(one_by_one, stack.canvas, **close)
    if levels != (3, 20):
        assert whole.rest.norm() < 0.05 * stack.canvas.norm()


@each_case("method", METHODS)
@each_case("levels", [None, (1, 2, 4, 8, 16, 32, 80), (3, 80)])
def test_levels_of_any_canvas_sum_to_it(method: OperatorForm, levels: tuple[int, ...] | None) -> None:
    spec = StackSpec(64, 48, 8, levels=levels, method=method)  # type: ignore[arg-type]
    stack = ImageStack.from_image(spec, photograph(48, 64))
    parts = decompose(stack).levels
    assert [part.shape[2:] for part in parts] == [torch.Size(level_shape(r, spec.canvas)) for r in spec.levels]
    summed = spec.operator(CPU, "layers").forward(LevelTensors(parts))
    error = (summed - stack.canvas).norm() / stack.canvas.norm()
    # Where the finest level is as fine as the canvas it takes up whatever is left, else what it can show of it.
    assert error < (1e-4 if spec.levels[-1] == 80 else 0.03)


def test_a_grey_start_has_empty_levels_and_no_rest() -> None:
    parts = decompose_start(ImageStack.gray(StackSpec(32, 24, 4, levels=(1, 5, 20)), 2))
    assert [tuple(level.shape) for level in parts.levels] == [(2, 3, 1, 1), (2, 3, 4, 5), (2, 3, 16, 20)]
    assert not any(bool(level.any()) for level in (*parts.levels, parts.rest))


def test_the_rest_is_what_the_finest_level_cannot_show() -> None:
    spec = StackSpec(32, 32, 0, levels=(1, 4, 16))
    stack = ImageStack.from_canvas(spec, torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    parts = decompose(stack)
    assert 0.5 * stack.canvas.norm() < parts.rest.norm() < stack.canvas.norm()
    shown = parts.operator.adjoint(parts.rest).tensors[-1]
    assert shown.norm() < 1e-4 * parts.operator.adjoint(stack.canvas).tensors[-1].norm()


def test_start_and_change_sum_to_the_canvas_and_belong_to_themselves() -> None:
    spec = StackSpec(32, 32, 8, levels=LEVELS)
    stack = climb(ImageStack.noise(spec), steps=3, optimizer=SGD(0.5)).stack
    start, change = decompose_start(stack), decompose_change(stack)
    torch.testing.assert_close(change.canvas(), stack.canvas - stack.start, rtol=0, atol=1e-5)
    for level, read in zip(change.levels, read_levels(stack), strict=True):
        assert torch.equal(level, read)
    for level, one, other in zip(decompose(stack).levels, start.levels, change.levels, strict=True):
        torch.testing.assert_close(level, one + other)


def test_frozen_bands_have_levels_too() -> None:
    stack = climb(ImageStack.noise(StackSpec(32, 32, 8, levels=LEVELS)), steps=2, optimizer=SGD(0.5)).stack
    frozen = edit_stack(stack, freeze=[(1, 8)])
    assert frozen.spec.frozen == ((1, 8),)
    parts, before = decompose(frozen), decompose(replace(frozen, spec=stack.spec))
    for level, same in zip(parts.levels, before.levels, strict=True):
        assert torch.equal(level, same)
    assert parts.sum_levels([0, 1, 2, 3]).norm() > 0.5 * stack.canvas.norm()


def test_the_levels_of_a_tile_sum_to_it_and_roll_with_it() -> None:
    stack = ImageStack.noise(StackSpec(32, 24, 0, levels=(1, 4, 16, 32), tile=True), 2)
    torch.testing.assert_close(decompose(stack).canvas(), stack.canvas, rtol=0, atol=1e-5)
    # Half of the tile is a whole number of samples of every level but the first, which is the same everywhere.
    spec = StackSpec(32, 32, 0, levels=(1, 4, 16, 32), tile=True)
    stack = ImageStack.noise(spec, 2)
    rolled = ImageStack.from_canvas(spec, stack.canvas.roll((16, 16), (2, 3)))
    for level, other in zip(decompose(stack).levels, decompose(rolled).levels, strict=True):
        half = level.shape[2] // 2
        torch.testing.assert_close(other, level.roll((half, half), (2, 3)), rtol=0, atol=1e-4)


def small() -> Decomposition:
    return decompose(ImageStack.noise(StackSpec(32, 32, 0, levels=(1, 4, 16)), seed=3))


def test_scaling_and_adding_work_level_by_level_and_on_the_rest_as_on_the_finest() -> None:
    parts = small()
    scaled = parts.scale([2.0, 0.0, -1.0])
    expected = 2 * parts.sum_levels([0]) - parts.sum_levels([2])
    torch.testing.assert_close(scaled.canvas(), expected, rtol=0, atol=1e-6)
    assert torch.equal(scaled.rest, -parts.rest)
    assert not scaled.levels[1].any()
    # A factor for each level is needed.
    with pytest.raises(ValueError, match="zip"):
        parts.scale([1.0, 1.0])
    other = decompose(ImageStack.noise(StackSpec(32, 32, 0, levels=(1, 4, 16)), seed=4))
    torch.testing.assert_close(parts.add(other).canvas(), parts.canvas() + other.canvas(), rtol=0, atol=1e-6)
    assert torch.equal(parts.add(other).rest, parts.rest + other.rest)


def test_the_rest_comes_with_the_finest_level_alone() -> None:
    parts = small()
    for number in range(3):
        alone = parts.operator.enlarge(number, parts.levels[number])
        expected = alone + parts.rest if number == 2 else alone
        torch.testing.assert_close(parts.sum_levels([number]), expected, rtol=0, atol=1e-6)
    assert not parts.sum_levels([]).any()


@each_case("optimizer", [SGD(0.1), NormalizedAscent()])
def test_a_film_is_taken_apart_frame_by_frame(optimizer: Optimizer) -> None:
    spec = replace(SPEC, time=Time(4))
    stack = climb(ImageStack.noise(spec), steps=2, optimizer=optimizer).stack
    parts = decompose(stack)
    torch.testing.assert_close(parts.canvas(), stack.canvas, rtol=0, atol=1e-4)


@each_case("levels", [(3,), (28,), (7, 14, 28, 56)])
def test_levels_and_rest_sum_to_the_canvas_to_rounding_however_coarse_the_levels_are(levels: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 96, 96, generator=generator)
    stack = ImageStack.from_image(StackSpec(96, 96, margin=8, levels=levels), image)
    assert float((decompose(stack).canvas() - stack.canvas).abs().max()) < 2e-5


# Levels of this test alone, so that no operator is taken from the cache.
@each_case(
    ("sides", "batch", "levels"),
    [((96, 96), 1, tuple(range(3, 129, 5))), ((64, 96), 4, tuple(range(2, 129, 7))), ((96, 64), 1, (91,))],
)
def test_the_estimate_of_memory_is_no_less_than_what_is_used(
    sides: tuple[int, int], batch: int, levels: tuple[int, ...]
) -> None:
    stack = ImageStack.noise(StackSpec(*sides, 16, levels=levels), batch=batch)
    with PeakBytes() as made:
        decompose(stack)
    assert made.peak < estimate_decomposition_bytes(stack) < 3 * made.peak


def summation(spec: StackSpec) -> NDArray[np.float64]:
    """Forward as one matrix (pixels, samples of all levels), by torch's own interpolation of every sample by itself."""
    columns = []
    for level in spec.levels:
        shape = level_shape(level, spec.canvas)
        units = torch.eye(shape[0] * shape[1], dtype=torch.float64).reshape(-1, 1, *shape)
        columns.append(F.interpolate(units, size=spec.canvas, mode="bicubic", align_corners=False).flatten(1).T)
    return torch.cat(columns, dim=1).numpy()


def least_norm(spec: StackSpec, canvas: torch.Tensor) -> list[torch.Tensor]:
    """The levels of least norm that come nearest to a canvas, by NumPy's pseudo-inverse in float64."""
    samples = np.linalg.pinv(summation(spec), rcond=1e-9) @ canvas.double().flatten(2).flatten(0, 1).numpy().T
    shapes = [level_shape(level, spec.canvas) for level in spec.levels]
    ends = np.cumsum([height * width for height, width in shapes])[:-1]
    return [
        torch.from_numpy(part.T.copy()).reshape(*canvas.shape[:2], *shape).float()
        for part, shape in zip(np.split(samples, ends), shapes, strict=True)
    ]


def norm(levels: Sequence[torch.Tensor]) -> float:
    return float(torch.cat([level.flatten() for level in levels]).norm())


@each_case("optimizer", [SGD(0.5), SGD(0.5, momentum=0.9)])
def test_the_levels_of_an_ascent_are_those_of_least_norm(optimizer: Optimizer) -> None:
    """What gradients alone have moved from zero lies in the range of the adjoint, as the pseudo-inverse does."""
    spec = StackSpec(24, 16, 8, levels=(1, 3, 7, 18), method="layers")
    stack = climb(ImageStack.gray(spec), steps=3, optimizer=optimizer).stack
    expected = least_norm(spec, stack.canvas - stack.start)
    for level, reference in zip(read_levels(stack), expected, strict=True):
        assert (level - reference).norm() < 1e-3 * reference.norm()


@each_case("levels", [(1, 4, 12, 32), (1, 3, 7, 18)])
def test_the_levels_of_a_canvas_have_nearly_the_least_norm(levels: tuple[int, ...]) -> None:
    """Nearly, because K+ is that of the spectral form; no levels with the same sum can have a lesser one."""
    spec = StackSpec(24, 16, 4, levels=levels)
    stack = ImageStack.from_image(spec, photograph(16, 24))
    parts = decompose(stack)
    best = least_norm(spec, stack.canvas - parts.rest)
    assert 0.999 * norm(best) < norm(parts.levels) < 1.25 * norm(best)
    difference = [level - reference for level, reference in zip(parts.levels, best, strict=True)]
    assert norm(difference[:-1]) < norm(difference[-1:])


def test_levels_are_those_that_adam_has_moved() -> None:
    stack = climb(ImageStack.noise(replace(SPEC, method="layers")), steps=2, optimizer=Adam()).stack
    assert stack.parameters is not None
    for level, moved in zip(read_levels(stack), stack.parameters.tensors, strict=True):
        assert level is moved


def compare(stack: ImageStack) -> None:
    parts = decompose(stack)
    for made, numbers in zip(sum_groups(stack, GROUPS), GROUPS, strict=True):
        torch.testing.assert_close(made, parts.sum_levels(numbers), rtol=1e-3, atol=1e-4)


@each_case("method", METHODS)
@each_case("optimizer", [SGD(0.5), NormalizedAscent(), Adam()])
def test_sums_are_those_of_the_decomposition(method: OperatorForm, optimizer: Optimizer) -> None:
    start = ImageStack.noise(replace(GROUPED, method=method), 2)
    compare(climb(start, steps=2, optimizer=optimizer).stack)


def test_sums_of_frozen_stacks_tiles_and_grey_ones() -> None:
    frozen = replace(climb(ImageStack.noise(GROUPED), steps=2).stack, spec=replace(GROUPED, frozen=((1, 4),)))
    compare(frozen)
    compare(ImageStack.noise(StackSpec(48, 48, 0, levels=GROUPED.levels, tile=True)))
    assert all(not canvas.any() for canvas in sum_groups(ImageStack.gray(GROUPED), GROUPS))


def test_the_work_can_be_ended_at_every_level() -> None:
    stack = ImageStack.noise(GROUPED)
    assert assert_ends_anywhere(lambda: list(sum_groups(stack, GROUPS))) >= 4


def test_the_estimate_of_sums_is_within_a_factor_of_two_and_does_not_grow_with_the_levels() -> None:
    peaks = []
    for step in (2, 8):
        stack = ImageStack.noise(StackSpec(96, 96, 16, levels=tuple(range(1, 129, step))))
        with PeakBytes() as made:
            for _ in sum_groups(stack, [[number] for number in range(len(stack.spec.levels))]):
                pass
        assert made.peak / 2 < estimate_sum_bytes(stack) < 2 * made.peak
        peaks.append(made.peak)
    assert peaks[0] < 1.5 * peaks[1]
