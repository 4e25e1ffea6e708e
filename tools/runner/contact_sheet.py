"""Contact sheets: the images of a batch side by side in one image."""

import math

from torch import Tensor
from torchvision.utils import make_grid


def make_contact_sheet(images: Tensor, padding: int = 2, pad_value: float = 1.0) -> Tensor:
    """Arrange images in reading order in a grid with as many rows as columns, or one row less.

    Args:
        images: (B, C, H, W), any dtype.
        padding: the width in pixels of the gaps between images, and of the border around all of them.
        pad_value: the value of the gaps, of the border, and of the empty places in the last row.

    Returns:
        (C, rows * (H + padding) + padding, columns * (W + padding) + padding), of the dtype of the images. A single
        image is returned without a border. If C is 1, the result has three equal channels.
    """
    sheet: Tensor = make_grid(images, nrow=math.ceil(math.sqrt(len(images))), padding=padding, pad_value=pad_value)
    return sheet
