"""Sample photographs of scikit-image, as tensors."""

import skimage.data
import torch
from torch import Tensor
from torchvision.transforms.functional import resize


def load_photograph(name: str, side: int) -> Tensor:
    """Return a photograph such as `coffee` or `cat`, squeezed to a square (1, 3, side, side), 0..1."""
    pixels = torch.from_numpy(getattr(skimage.data, name)().copy()).permute(2, 0, 1)[None].float() / 255
    return resize(pixels, [side, side], antialias=True).clamp(0, 1)
