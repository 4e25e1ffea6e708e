"""Images that come in from elsewhere: what is wrong with them is said before anything is computed from them."""

import torch
from torch import Tensor


def check_images(images: Tensor, what: str) -> Tensor:
    """The images, if they are (B, 3, H, W), floating point and finite; otherwise a ValueError about `what` they are."""
    if images.ndim != 4 or images.shape[0] == 0 or 0 in images.shape[2:]:
        raise ValueError(f"{what} has the shape {tuple(images.shape)}; a batch of images is needed")
    channels = images.shape[1]
    if channels != 3:
        kind = {1: "one grey channel", 2: "grey and alpha", 4: "an alpha channel"}.get(channels, "no RGB")
        raise ValueError(
            f"{what} has {channels} channels ({kind}) where 3 are needed (RGB): "
            "take the alpha off, or repeat the grey channel three times, before it comes here"
        )
    if not images.is_floating_point():
        raise ValueError(f"{what} holds whole numbers ({images.dtype}); convert it to floats in 0..1")
    bad = int((~torch.isfinite(images)).sum())
    if bad:
        raise ValueError(
            f"{what} holds {bad} values that are NaN or infinite; every value must lie in 0..1: "
            "look at the node that made the image"
        )
    return images
