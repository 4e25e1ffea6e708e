"""The transform that removes the colours of views."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..common.devices import send_to_device
from ..common.scalars import check_number
from .draws import Draws


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
