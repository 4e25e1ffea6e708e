"""Where objectives act: regions and the mask of a stack, as masks of the gradient and as boxes for views."""

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.ascent.active_region import ActiveRegion, active_region
from das_core.common.geometry import Box
from masked_stack import HEIGHT, MARGIN, SPEC, VIEWS, WIDTH, part, photograph, square
from toys import half, toy_class

REACH: Box = (0, 0, HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
# Without the coarsest levels, which reach over the edge of any region.
WIDE = da.StackSpec(64, 48, 8, levels=(16, 32, 64))


def speck(side: int) -> Tensor:
    """A mask over a small square in a wide picture."""
    mask = torch.zeros(1, 48, 64)
    mask[:, 20 : 20 + side, 30 : 30 + side] = 1
    return mask


def crop(canvas: Tensor) -> Tensor:
    return canvas[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def test_the_mask_is_the_product_of_all_regions_and_of_the_stacks_own_and_without_any_there_is_none() -> None:
    generator = torch.Generator().manual_seed(0)
    one, other, own = (torch.rand(1, HEIGHT, WIDTH, generator=generator) for _ in range(3))
    region = active_region([one, other], part(mask=own), REACH)
    assert region.mask is not None
    assert region.mask.shape == (1, 1, *SPEC.canvas)
    np.testing.assert_allclose(crop(region.mask)[0, 0].numpy(), (one * other * own)[0].numpy(), rtol=1e-6)
    assert active_region([], da.ImageStack.gray(SPEC), REACH) == ActiveRegion(None, None)
    assert active_region([], da.ImageStack.gray(SPEC), REACH, viewed=False) == ActiveRegion(None, None)


def test_one_region_goes_with_all_images_and_several_with_one_each() -> None:
    stack = da.ImageStack.gray(SPEC, 2)
    shared = active_region([square()], stack, REACH)
    assert shared.mask is not None
    assert shared.mask.shape == (2, 1, *SPEC.canvas)
    assert shared.boxes == ((18, 20, 20, 20),) * 2
    each = active_region([torch.cat([square(), square(2, 4, 30)])], stack, REACH)
    assert each.boxes == ((18, 20, 20, 20), (10, 12, 30, 30))


@each_case(
    ("region", "mask", "reach", "box"),
    # Pixels of the picture, then of the canvas, which begins 8 pixels earlier.
    (square(10, 12, 20), None, REACH, (18, 20, 20, 20)),
    # What touches the edge of the picture goes on into the margin.
    (square(0, 12, 20), None, REACH, (0, 20, 28, 20)),
    # As far as views reach and no farther.
    (square(0, 0, 20), None, (4, 4, 48, 56), (4, 4, 24, 24)),
    # Twice as long as the mask, about its middle.
    (None, square(10, 12, 20), REACH, (8, 10, 40, 40)),
    # Moved into reach where it would leave it.
    (None, square(0, 0, 20), REACH, (0, 0, 56, 56)),
    # Cut where there is no room for a square.
    (None, square(5, 5, 22), (8, 8, 40, 48), (8, 8, 40, 44)),
    # At least a quarter of the short side of the reach.
    (None, square(20, 20, 2), REACH, (22, 22, 14, 14)),
    # A region in a masked stack is shown without its surroundings.
    (square(2, 2, 26), square(10, 12, 20), REACH, (18, 20, 18, 16)),
)
def test_views_lie_in_the_box_of_a_mask(region: Tensor | None, mask: Tensor | None, reach: Box, box: Box) -> None:
    stack = da.ImageStack.gray(SPEC) if mask is None else part(mask=mask)
    assert active_region([] if region is None else [region], stack, reach).boxes == (box,)


def test_without_a_judge_a_region_may_have_any_size_and_has_no_box() -> None:
    region = active_region([square(side=2)], da.ImageStack.gray(SPEC), REACH, viewed=False)
    assert region.boxes is None
    assert region.mask is not None
    assert float(region.mask.sum()) == 4
    da.Ascent(da.ImageStack.gray(WIDE), [da.in_region(da.prior(), speck(9))], VIEWS)


NONE_LEFT = "no pixel in common with what may change in image "


@each_case(
    ("stack", "regions", "says"),
    (da.ImageStack.gray(WIDE), [torch.zeros(1, 9, 9)], "the region has no pixel above 0"),
    (da.ImageStack.gray(WIDE), [speck(9)], r"the region is 9 x 9 pixels in image 1, too small .* 16 a side"),
    (da.ImageStack.gray(WIDE), [torch.ones(3, 9, 9)], "3 region masks do not go with 1 image"),
    (da.ImageStack.gray(WIDE), [half(True), half(False)], NONE_LEFT + "1"),
    (da.ImageStack.gray(WIDE, 2), [torch.cat([half(True), speck(8)])], "is 8 x 8 pixels in image 2, too small"),
    # Outside the mask of the stack.
    (
        da.ImageStack.gray(WIDE, 2).place_into(photograph(48, 64), half(True)),
        [torch.cat([half(True), half(False)])],
        NONE_LEFT + "2",
    ),
)
def test_regions_that_nothing_can_act_in_are_refused(stack: da.ImageStack, regions: list[Tensor], says: str) -> None:
    objective: da.Objective = toy_class()
    for region in regions:
        objective = da.in_region(objective, region)
    with pytest.raises(ValueError, match=says):
        da.Ascent(stack, [objective], VIEWS)


def test_faint_regions_with_nothing_left_of_their_product_are_refused() -> None:
    # Less than a step of an 8-bit mask: each is a region, both together are none.
    faint = torch.full((1, 8, 8), 0.06)
    assert active_region([faint], da.ImageStack.gray(SPEC), REACH).mask is not None
    with pytest.raises(ValueError, match=NONE_LEFT + "1"):
        active_region([faint, faint], da.ImageStack.gray(SPEC), REACH, viewed=False)
