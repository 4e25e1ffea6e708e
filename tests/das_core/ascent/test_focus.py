"""The Gaussian that a picture grows in, and a gradient weighted by its own local strength."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.ascent.focus import measure_squared_distances
from stops import assert_ends_anywhere
from toys import judge, output_objective


def test_the_focus_is_the_gaussian_of_its_formula_and_opens_evenly() -> None:
    focus = da.ascent.Focus(start=0.4, end=1.0, share=0.5)
    widths = [focus.width_at(progress) for progress in (0.0, 0.25, 0.5, 1.0)]
    assert widths == pytest.approx([0.4, 0.7, 1.0, 1.0])
    assert da.ascent.Focus(start=0.2, end=1.0, share=0.0).width_at(0.0) == 1.0
    weights = focus.weigh(measure_squared_distances((7, 11)), progress=0.25)
    y, x = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 11), indexing="ij")
    expected = np.exp(-(x**2 + y**2) / (2 * 0.7**2))
    assert weights.shape == (1, 1, 7, 11)
    np.testing.assert_allclose(weights[0, 0].numpy(), expected, atol=1e-6)


BAD = {"start": (0.0, math.nan, math.inf, 4.0), "end": (math.nan, 101.0), "share": (-0.1, 1.1, math.nan)}


@each_case("name, value", *[(name, value) for name, values in BAD.items() for value in values])
def test_settings_out_of_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"({value}.* is|1.2 is) not between"):
        da.ascent.Focus(**{name: value})


def test_distances_are_measured_from_the_middle_of_a_mask_or_from_what_of_it_is_nearest() -> None:
    mask = torch.zeros(2, 1, 12, 10)
    mask[0, :, 2:7, 1:4] = 1
    mask[1] = 1
    squared = measure_squared_distances((12, 10), mask)
    assert squared[0, 0, 4, 2] == 0
    assert squared[0, 0, 2, 2] == 1  # The middle of an edge of the box.
    assert squared[0, 0, 6, 3] == 2  # A corner of it.
    assert squared[0, 0, 11, 2] == (11 - 4) ** 2 / 2**2
    # A mask of all is no mask. An even side has no middle pixel; the nearest ones count as the middle.
    everywhere = measure_squared_distances((12, 10))
    torch.testing.assert_close(squared[1:], everywhere - everywhere.min())
    ring = torch.ones(1, 1, 31, 31)
    ring[:, :, 5:26, 5:26] = 0
    squared = measure_squared_distances((31, 31), ring)
    assert squared.min() >= 0
    # Without the shift, all of it would round to 0 and an ascent would have no gradient.
    assert (da.ascent.Focus(start=0.05).weigh(squared, 0.0) * ring).max() == 1


def test_the_masks_of_a_film_are_looked_at_one_by_one() -> None:
    masks = torch.zeros(5, 1, 24, 24)
    masks[:, :, 4:9, 4:9] = 1
    assert assert_ends_anywhere(lambda: measure_squared_distances((24, 24), masks)) >= 2 * len(masks)


BRIGHT = output_objective(judge(torch.nn.Identity()), "brightness")


def test_the_gradient_is_multiplied_by_the_focus() -> None:
    # Levels from 1 to the canvas spread a gradient; a single level of full size does not.
    focus, views = da.ascent.Focus(start=0.3), da.views.Augmentation(4, da.views.Windows(8))
    stack = da.ImageStack.gray(da.StackSpec(48, 32, 8, levels=(64,), method="layers", color="rgb"))

    def change(focus: da.ascent.Focus | None) -> Tensor:
        ascent = da.Ascent(stack, [BRIGHT], views, steps=1, optimizer=da.ascent.SGD(0.01), focus=focus)
        return ascent.run().stack.canvas.abs().sum(dim=(0, 1))

    weights = focus.weigh(measure_squared_distances((48, 64)), 0.0)[0, 0]
    torch.testing.assert_close(change(focus), change(None) * weights, rtol=1e-3, atol=1e-6)


def test_a_region_grows_from_its_own_middle() -> None:
    mask = torch.zeros(1, 32, 48)
    mask[:, :, 24:] = 1
    stack = da.ImageStack.gray(da.StackSpec(48, 32, 0, levels=(48,), method="layers", color="rgb"))
    views, focus = da.views.Augmentation(4, da.views.Windows(0)), da.ascent.Focus(start=0.2)
    ascent = da.Ascent(stack, [da.in_region(BRIGHT, mask)], views, steps=1, optimizer=da.ascent.SGD(0.01), focus=focus)
    columns = ascent.run().stack.canvas.abs().sum(dim=(0, 1, 2))
    assert int(columns.argmax()) in range(33, 39)
    assert columns[:24].max() < 1e-5 * columns.max()
