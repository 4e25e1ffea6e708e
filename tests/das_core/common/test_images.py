import pytest
import torch
from torch import Tensor

from das_core.common.images import check_images


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_images_pass_as_they_are(dtype: torch.dtype) -> None:
    images = torch.tensor([-0.5, 0.0, 1.5]).to(dtype).reshape(1, 3, 1, 1)
    assert check_images(images, "it") is images


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.rand(8, 8), r"the mask has the shape \(8, 8\); a batch of images is needed"),
        (torch.rand(3, 8, 8), r"the shape \(3, 8, 8\)"),
        (torch.rand(0, 3, 8, 8), r"the shape \(0, 3, 8, 8\)"),
        (torch.rand(1, 3, 8, 0), r"the shape \(1, 3, 8, 0\)"),
        (torch.rand(1, 1, 8, 8), r"1 channels \(one grey channel\) where 3 are needed .*repeat the grey channel"),
        (torch.rand(1, 2, 8, 8), r"2 channels \(grey and alpha\)"),
        (torch.rand(1, 4, 8, 8), r"4 channels \(an alpha channel\) .*take the alpha off"),
        (torch.rand(1, 7, 8, 8), r"7 channels \(no RGB\)"),
        (torch.rand(1, 8, 8, 3), r"8 channels \(no RGB\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"whole numbers \(torch.uint8\); convert it to floats in 0..1"),
        (torch.tensor([0.0, torch.nan, torch.inf]).reshape(1, 3, 1, 1), "holds 2 values that are NaN or infinite"),
        (torch.tensor([0.0, 0.0, -torch.inf]).reshape(1, 3, 1, 1), "holds 1 values that are NaN or infinite"),
    ],
)
def test_what_is_wrong_is_named(images: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_images(images, "the mask")
