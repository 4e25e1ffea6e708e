"""Stacks taken apart: that the parts sum to the whole, that they are those of least norm, and what is left over."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

import direct_ascent as da
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.stack.decomposition import estimate_decomposition_bytes, sum_groups
from das_core.stack.levels import level_shape
from stops import assert_ends_anywhere
from toys import climb

LEVELS = (1, 2, 4, 8, 16, 32, 48)
GROUPS = [[0, 1], [2], [3, 4]]
GROUPED = da.StackSpec(32, 24, 8, levels=(1, 4, 9, 30, 48))
SMALL = da.StackSpec(32, 32, 0, levels=(1, 4, 16))


def photograph(height: int, width: int) -> Tensor:
    noise = torch.rand(1, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


@each_case(("levels", "tile"), (None, False), (LEVELS, False), ((3, 20), False), ((1, 4, 9, 32), True))
@each_case("method", "spectral", "layers")
def test_the_parts_of_a_stack_sum_to_it(method: Any, levels: Any, tile: bool) -> None:
    spec = da.StackSpec(32, 24, 0 if tile else 8, method=method, levels=levels, tile=tile)
    parts = da.stack.decompose(climb(da.ImageStack.noise(spec), steps=2).stack)
    assert [part.shape[2:] for part in parts.levels] == [level_shape(r, spec.canvas) for r in spec.levels]
    one_by_one = sum(parts.sum_levels([number]) for number in range(len(spec.levels)))
    enlarged = sum(parts.enlarge(number, level) for number, level in enumerate(parts.levels))
    torch.testing.assert_close(one_by_one, parts.canvas, rtol=0, atol=1e-5)
    if levels == (3, 20):  # The rest is what no level can show.
        assert (enlarged - parts.canvas).norm() > 0.05 * parts.canvas.norm()
    else:
        torch.testing.assert_close(enlarged, parts.canvas, rtol=0, atol=1e-5)


def test_a_grey_canvas_has_empty_levels() -> None:
    levels = da.stack.decompose(da.ImageStack.gray(da.StackSpec(32, 24, 4, levels=(1, 5, 20)), 2)).levels
    assert [tuple(level.shape) for level in levels] == [(2, 3, 1, 1), (2, 3, 4, 5), (2, 3, 16, 20)]
    assert not any(bool(level.any()) for level in levels)


def test_the_finest_level_brings_what_no_level_can_show() -> None:
    stack = da.ImageStack.from_canvas(SMALL, torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    parts = da.stack.decompose(stack)
    coarse = [parts.enlarge(number, parts.find_level(number)) for number in (0, 1)]
    for number, expected in enumerate([*coarse, stack.canvas - coarse[0] - coarse[1]]):
        torch.testing.assert_close(parts.sum_levels([number]), expected, rtol=0, atol=1e-6)
    assert not parts.sum_levels([]).any()
    assert coarse[1].norm() < stack.canvas.norm()
    expected = 2 * coarse[0] - parts.sum_levels([2])
    torch.testing.assert_close(parts.weigh([2.0, 0.0, -1.0]), expected, rtol=0, atol=1e-6)
    assert torch.equal(parts.weigh([1.0, 1.0, 1.0]), stack.canvas)


def test_frozen_bands_have_levels_too() -> None:
    stack = da.ImageStack.noise(da.StackSpec(32, 32, 8, levels=LEVELS))
    frozen = da.stack.edit_stack(stack, freeze=[(1, 8)])
    assert all(map(torch.equal, da.stack.decompose(frozen).levels, da.stack.decompose(stack).levels))


def test_the_levels_of_a_tile_roll_with_it() -> None:
    # Half of the tile is a whole number of samples of every level but the first, which is the same everywhere.
    spec = da.StackSpec(32, 32, 0, levels=(1, 4, 16, 32), tile=True)
    stack = da.ImageStack.noise(spec, 2)
    rolled = da.ImageStack.from_canvas(spec, stack.canvas.roll((16, 16), (2, 3)))
    for level, other in zip(da.stack.decompose(stack).levels, da.stack.decompose(rolled).levels, strict=True):
        half = level.shape[2] // 2
        torch.testing.assert_close(other, level.roll((half, half), (2, 3)), rtol=0, atol=1e-4)


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


@each_case("levels", (1, 4, 12, 32), (1, 3, 7, 18))
def test_the_levels_of_a_canvas_have_nearly_the_least_norm(levels: tuple[int, ...]) -> None:
    """Nearly, because K+ is that of the spectral form; no levels with the same sum can have a lesser one."""
    spec = da.StackSpec(24, 16, 4, levels=levels)
    stack = da.ImageStack.from_image(spec, photograph(16, 24))
    parts = da.stack.decompose(stack)
    shown = torch.stack([parts.enlarge(number, level) for number, level in enumerate(parts.levels)]).sum(dim=0)
    best = least_norm(spec, shown)
    assert 0.999 * norm(best) < norm(parts.levels) < 1.25 * norm(best)


def test_groups_of_levels_sum_to_the_canvas_and_the_work_can_be_ended_at_every_level() -> None:
    stack = da.ImageStack.noise(GROUPED, 2)
    for made, numbers in zip(sum_groups(stack, GROUPS), GROUPS, strict=True):
        torch.testing.assert_close(made, da.stack.decompose(stack).sum_levels(numbers), rtol=0, atol=1e-5)
    assert assert_ends_anywhere(lambda: list(sum_groups(stack, GROUPS))) >= 4


def test_the_estimate_of_sums_is_within_a_factor_of_two_and_does_not_grow_with_the_levels() -> None:
    peaks = []
    for step in (2, 8):
        stack = da.ImageStack.noise(da.StackSpec(96, 96, 16, levels=tuple(range(1, 129, step))))
        with PeakBytes() as made:
            for _ in sum_groups(stack, [[number] for number in range(len(stack.spec.levels))]):
                pass
        assert made.peak / 2 < estimate_decomposition_bytes(stack) < 2 * made.peak
        peaks.append(made.peak)
    assert peaks[0] < 1.5 * peaks[1]
