import numpy as np
import pytest
import torch
from torch import Tensor

from cases import each_case, refuses
from das_core.common import masks
from das_core.common.masks import canvas_mask, check_mask, feather_mask, find_boxes, mean_square
from stops import assert_ends_anywhere


def square(top: int = 10, left: int = 12, side: int = 20, shape: tuple[int, int] = (40, 48)) -> Tensor:
    mask = torch.zeros(1, *shape)
    mask[:, top : top + side, left : left + side] = 1
    return mask


def test_a_mask_passes_as_it_is() -> None:
    mask = torch.tensor([0.0, 0.01, -3.0, 7.0]).half().reshape(1, 2, 2)
    assert check_mask(mask) is mask
    assert not check_mask(mask.requires_grad_()).requires_grad


test_masks_that_cannot_be_are_named = refuses(
    lambda mask, feather: canvas_mask(mask, (40, 48), 8, feather, "the region"),
    (torch.full((1, 9, 9), 1 / 255), 0, r"the region has no pixel above 0.* invert the mask"),
    (torch.cat([torch.ones(1, 9, 9), torch.zeros(1, 9, 9)]), 0, r"the region number 2 has no pixel"),
    (torch.ones(9, 9), 0, r"the region has the shape \(9, 9\); \[batch, height, width\] is needed"),
    (torch.ones(1, 0, 9), 0, r"the shape \(1, 0, 9\)"),
    (torch.tensor([[[torch.nan, 1.0]]]), 0, r"NaN or infinite; every value must lie in 0..1"),
    (square(0, 0, 4, (100, 40)), 0, "nothing of the region is left .* to cover the picture, 48 x 40"),
    (square(), -1, "feather -1 is not between 0 and 39; 0 is a hard edge"),
    (square(), 40, "feather 40 is not between 0 and 39"),
    (square(side=1), 3, "the region is too thin for a feather of 3 pixels: lower"),
)


@each_case("margin", 0, 5, 60)
def test_the_canvas_mask_repeats_the_border_of_the_picture(margin: int) -> None:
    mask = torch.rand(2, 40, 48, generator=torch.Generator().manual_seed(1))
    expected = np.pad(mask.numpy()[:, None], ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode="edge")
    np.testing.assert_array_equal(canvas_mask(mask, (40, 48), margin).numpy(), expected)


def test_a_mask_of_another_size_lies_where_its_image_does_and_no_feather_softens_the_edge_of_the_picture() -> None:
    resized, small = (canvas_mask(mask, (40, 48), 0) for mask in (square(20, 24, 40, (80, 96)), square()))
    assert (resized - small).abs().mean() < 0.03
    cut = canvas_mask(square(top=0, left=0), (40, 48), 8, 4)[0, 0]
    assert bool((cut[:20, :16] > 0.99).all())
    assert not cut[40:].any()


@each_case("feather", 1, 2, 9)
def test_a_feather_is_twice_the_blurred_edge_less_one_and_never_raises_a_mask(feather: int) -> None:
    mask = torch.zeros(1, 1, 30, 60)
    mask[..., 30:] = 1
    soft = feather_mask(mask, feather)
    offsets = np.arange(-feather, feather + 1)
    kernel = np.exp(-((offsets / (feather / 2)) ** 2) / 2)
    # Of the pixel at distance d inside the edge, the share of the kernel that lies inside too.
    inside = [kernel[offsets >= -distance].sum() / kernel.sum() for distance in range(30)]
    np.testing.assert_allclose(soft[0, 0, 15, 30:], 2 * np.array(inside) - 1, atol=1e-5)
    assert not soft[..., :30].any()
    mask = torch.rand(2, 1, 20, 24, generator=torch.Generator().manual_seed(1))
    mask[:, :, 5:15, 5:15] = 1
    assert torch.all(feather_mask(mask, feather) <= mask)


def test_a_wide_feather_of_a_large_mask_is_the_same_by_rows_and_columns_and_can_be_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In one convolution the widest feather of the widgets takes hours that nobody can end.
    mask = torch.rand(2, 1, 90, 120, generator=torch.Generator().manual_seed(0)).round() * 0.9
    mask[:, :, 20:70, 30:90] = 1
    whole = feather_mask(mask, 11)
    monkeypatch.setattr(masks, "_MOST_PRODUCTS", 0)
    monkeypatch.setattr(masks, "_PART", 50_000)
    torch.testing.assert_close(feather_mask(mask, 11), whole, atol=1e-5, rtol=0)
    assert assert_ends_anywhere(lambda: feather_mask(mask, 11)) > 20


def test_boxes_hold_what_is_painted_even_single_pixels_but_not_less_than_a_step_of_a_byte() -> None:
    assert find_boxes(torch.stack([square(3, 5, 7), square(0, 0, 40)])) == [(3, 5, 7, 7), (0, 0, 40, 40)]
    mask = torch.full((1, 1, 9, 11), 1 / 255)
    mask[0, 0, 4, 7] = 2 / 255
    mask[0, 0, 8, 0] = 1
    assert find_boxes(mask) == [(4, 0, 5, 8)]


def test_mean_squares_equal_their_definition_and_items_as_one_are_as_if_they_stood_side_by_side() -> None:
    values, mask = torch.randn(3, 2, 5, 6, dtype=torch.float64), torch.rand(3, 1, 5, 6, dtype=torch.float64)
    for weights in (None, mask, mask[:1]):
        expected = torch.ones_like(mask) if weights is None else weights.expand(3, -1, -1, -1)
        for as_one, axes in ((False, (2, 3)), (True, (0, 2, 3))):
            total = (values.numpy() ** 2 * expected.numpy()).sum(axis=axes, keepdims=True)
            found = mean_square(values, weights, as_one=as_one).numpy()
            np.testing.assert_allclose(found, total / expected.numpy().sum(axis=axes, keepdims=True))
