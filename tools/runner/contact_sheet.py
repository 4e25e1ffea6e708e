"""Contact sheets: the images of a batch side by side in one image."""

import math

from torch import Tensor
from torchvision.utils import make_grid


def make_contact_sheet(images: Tensor, padding: int = 2, pad_value: float = 1.0) -> Tensor:
    """Return images in reading order in a grid with as many rows as columns, or one row less.

    Args:
        images: (B, C, H, W), any type.
        padding: the width in pixels of the frame around every image.
        pad_value: the value of the frames, and of the cells that are left over in the last row.

    Returns:
        (C, rows * (H + padding) + padding, columns * (W + padding) + padding), of the type of the images; a single
        image is returned without a frame.
    """
    sheet: Tensor = make_grid(images, nrow=math.ceil(math.sqrt(len(images))), padding=padding, pad_value=pad_value)
    return sheet
