"""Sample photographs of scikit-image, as squares."""

from torch import Tensor
from torchvision.transforms.functional import resize

from benchmarks.common import load_photograph as load


def load_photograph(name: str, side: int) -> Tensor:
    """Return a photograph such as `coffee` or `cat`, squeezed to a square (1, 3, side, side), 0..1."""
    return resize(load(name), [side, side], antialias=True).clamp(0, 1)
