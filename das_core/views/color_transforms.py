"""Transforms that change the colours of views: `ColorShift` shifts the colours, `Grayscale` removes them."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.scalars import check_number
from .draws import Draws


@dataclass(frozen=True)
class ColorShift:
    """A transform that changes the contrast and then the brightness of views, and clips them to 0..1.

    The difference of each value from 0.5 is multiplied by exp(U[-scale, scale]), then U[-shift, shift] is added, where
    U is uniform; each channel has numbers of its own, which tint the view. Source: Plug-In Inversion (Ghiasi et al.,
    2022, arXiv 2201.12961, section 3.3).

    Args:
        shift: the largest change of brightness, 0..1; with 1 black can turn into white.
        scale: the largest change of contrast as a natural logarithm, 0..3; with 0.2 the factor is up to 1.2.
    """

    shift: float = 0.2
    scale: float = 0.2
    kept_views: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        check_number("shift", self.shift, 0, 1, "0.2 is a good amount")
        check_number("scale", self.scale, 0, 3, "0.2 is a good amount")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, in other colours."""
        channels = views.shape[1]
        numbers = torch.tensor([draws.numbers() for _ in range(2 * channels)], dtype=views.dtype).T * 2 - 1
        shift, scale = send_to_device(numbers, views.device)[:, :, None, None].split(channels, dim=1)
        return ((views - 0.5) * torch.exp(self.scale * scale) + 0.5 + self.shift * shift).clamp(0, 1)


@dataclass(frozen=True)
class Grayscale:
    """A transform that shows some views without colour, so that the judge has to recognise shapes as well.

    Args:
        probability: the probability that a view is grey, 0..1. Above about 0.5 colours hardly matter.
    """

    probability: float = 0.25
    kept_views: ClassVar[float] = 2.4

    def __post_init__(self) -> None:
        check_number("grayscale", self.probability, 0, 1, "0.25 is every fourth view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Return views (V, 3, S, S), 0..1, some of them grey: the luminance of Rec. 601 in all channels."""
        is_grey = [number < self.probability for number in draws.numbers()]
        if not any(is_grey):
            return views
        from torchvision.transforms.functional import rgb_to_grayscale  # Not at the top: it takes two seconds to load.

        chosen = send_to_device(torch.tensor(is_grey), views.device)[:, None, None, None]
        return torch.where(chosen, rgb_to_grayscale(views, num_output_channels=3), views)
