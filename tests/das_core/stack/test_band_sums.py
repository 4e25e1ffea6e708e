"""Sums of levels one by one are those of the whole decomposition."""

from dataclasses import replace

import torch

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.band_sums import estimate_sum_bytes, sum_groups
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.operator_forms import OperatorForm
from das_core.stack.spec import StackSpec
from stops import assert_ends_anywhere
from toys import climb

GROUPS = [[0, 1], [2], [3, 4]]
SPEC = StackSpec(32, 24, 8, levels=(1, 4, 9, 30, 48))


def compare(stack: ImageStack) -> None:
    parts = decompose(stack)
    for made, numbers in zip(sum_groups(stack, GROUPS), GROUPS, strict=True):
        torch.testing.assert_close(made, parts.sum_levels(numbers), rtol=1e-3, atol=1e-4)


@each_case("method", ["spectral", "exact", "layers"])
@each_case("optimizer", [SGD(0.5), NormalizedAscent(), Adam()])
def test_sums_are_those_of_the_decomposition(method: OperatorForm, optimizer: Optimizer) -> None:
    start = ImageStack.noise(replace(SPEC, method=method), 2)
    compare(climb(start, steps=2, optimizer=optimizer).stack)


def test_sums_of_frozen_stacks_tiles_and_grey_ones() -> None:
    frozen = replace(climb(ImageStack.noise(SPEC), steps=2).stack, spec=replace(SPEC, frozen=((1, 4),)))
    compare(frozen)
    compare(ImageStack.noise(StackSpec(48, 48, 0, levels=SPEC.levels, tile=True)))
    assert all(not canvas.any() for canvas in sum_groups(ImageStack.gray(SPEC), GROUPS))


def test_the_work_can_be_ended_at_every_level() -> None:
    stack = ImageStack.noise(SPEC)
    assert assert_ends_anywhere(lambda: list(sum_groups(stack, GROUPS))) >= 4


def test_the_estimate_is_within_a_factor_of_two_and_does_not_grow_with_the_levels() -> None:
    peaks = []
    for step in (2, 8):
        stack = ImageStack.noise(StackSpec(96, 96, 16, levels=tuple(range(1, 129, step))))
        with PeakBytes() as made:
            for _ in sum_groups(stack, [[number] for number in range(len(stack.spec.levels))]):
                pass
        assert made.peak / 2 < estimate_sum_bytes(stack) < 2 * made.peak
        peaks.append(made.peak)
    assert peaks[0] < 1.5 * peaks[1]
