"""The variances of the levels of a stack, and stacks that have none."""

import pytest
import torch

from das_core.ascent.sgd import SGD
from das_core.report.level_variances import EmptyLevelsError, measure_level_variances
from das_core.report.spectrum import fit_slope
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from toys import SPEC, climb


def test_the_variance_of_levels_is_that_of_the_parts_and_falls_steeply_in_an_ascent() -> None:
    spec = StackSpec(32, 32, 8, levels=(1, 2, 4, 8, 16, 48))
    stack = climb(ImageStack.noise(spec, 2), steps=3, optimizer=SGD(0.5)).stack
    resolutions, variances = measure_level_variances(stack)
    assert resolutions.tolist() == [4, 8, 16, 48]
    for number in range(4):
        expected = decompose(stack).levels[number + 2].flatten(1).var(dim=1)
        torch.testing.assert_close(variances[:, number].float(), expected)
    spec = StackSpec(32, 32, 8)
    assert fit_slope(*measure_level_variances(climb(ImageStack.gray(spec), optimizer=SGD(0.5)).stack)).item() < -1


def test_levels_without_a_variance_are_named() -> None:
    with pytest.raises(EmptyLevelsError, match="the levels of the stack are empty"):
        measure_level_variances(ImageStack.gray(SPEC))
    with pytest.raises(ValueError, match="the stack has 1 levels of 4 samples"):
        measure_level_variances(ImageStack.noise(StackSpec(32, 32, 8, levels=(1, 2, 16))))
