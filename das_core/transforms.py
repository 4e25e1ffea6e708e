"""More that can happen to views: their colours shift, they are seen askew, parts of them are hidden.

Each takes one easy way to a high score from the picture: a tint, one exact geometry, one spot. As all transforms they
are random only through their draws, of which every view takes equally many, whatever becomes of the others.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from .draws import Draws
from .perspective import FARTHEST_CORNER, quadrilateral_grid, seen_through

Fill = Literal["mean", "gray"]


@dataclass(frozen=True)
class ColorShift:
    """Scale the contrast of a view around grey and shift it, then clip to 0..1.

    The factor is exp(U[-scale, scale]), the shift U[-shift, shift]; with `per_channel` every channel has its own, which
    tints the view, otherwise only brightness and contrast change. Source: ColorShift of Plug-In Inversion (Ghiasi et
    al., 2022, arXiv 2201.12961, section 3.3).
    """

    shift: float = 0.1
    scale: float = 0.2
    per_channel: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 1:
            raise ValueError(f"shift {self.shift} is not between 0 (none) and 1 (black to white); 0.1 is a good amount")
        if not 0 <= self.scale <= 3:
            raise ValueError(f"scale {self.scale} is not between 0 (none) and 3 (twenty times); 0.2 is a good amount")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Views in other colours."""
        channels = views.shape[1]
        numbers = torch.tensor([draws.uniform() for _ in range(2 * channels)], dtype=views.dtype).T * 2 - 1
        shift, scale = numbers.to(views.device)[:, :, None, None].split(channels, dim=1)
        if not self.per_channel:
            shift, scale = shift[:, :1], scale[:, :1]
        return ((views - 0.5) * torch.exp(self.scale * scale) + 0.5 + self.shift * shift).clamp(0, 1)


@dataclass(frozen=True)
class Perspective:
    """See a view askew: a random quadrilateral inside it is stretched to the whole of it.

    Every corner lies up to `distortion` of the side inside the view's own corner, in both directions; nothing has to
    be filled in. 0 leaves views as they are.
    """

    distortion: float = 0.15

    def __post_init__(self) -> None:
        if not 0 <= self.distortion <= FARTHEST_CORNER:
            raise ValueError(
                f"distortion {self.distortion} is not between 0 (none) and {FARTHEST_CORNER}, a third of the side, "
                "beyond which a view could be folded; 0.15 is a good amount"
            )

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Views seen askew."""
        inward = torch.tensor([draws.uniform() for _ in range(8)], dtype=torch.float64).T.reshape(-1, 4, 2)
        if self.distortion == 0:
            return views
        return seen_through(views, quadrilateral_grid(self.distortion * inward, views.shape[-1]))


@dataclass(frozen=True)
class PatchMask:
    """Hide random rectangles of a view, so that no single spot may carry the score.

    `patches` rectangles, each side of them U[size / 2, size] of the view's, anywhere inside; they may overlap. They
    show grey, or with `mean` the mean colour of the view, which the hidden part is then no hint of. No gradient goes
    through what is hidden or what hides it.
    """

    patches: int = 2
    size: float = 0.3
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        if not 0 <= self.patches <= 64:
            raise ValueError(f"patches {self.patches} is not between 0 (none) and 64; 2 is a good number")
        if not 0 < self.size <= 1:
            raise ValueError(f"size {self.size} is not above 0 and at most 1 (the whole view); 0.3 is a good size")
        if self.fill not in get_args(Fill):
            raise ValueError(f"fill '{self.fill}' is unknown; choose one of {', '.join(get_args(Fill))}")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Views with parts hidden."""
        if self.patches == 0:
            return views
        side = views.shape[-1]
        hidden = torch.zeros(views.shape[0], 1, side, side, dtype=torch.bool, device=views.device)
        for _ in range(self.patches):
            numbers = (draws.uniform() for _ in range(4))
            for mask, tall, wide, down, right in zip(hidden, *numbers, strict=True):
                height, width = (max(1, round(side * self.size * (1 + share) / 2)) for share in (tall, wide))
                top, left = int(down * (side - height + 1)), int(right * (side - width + 1))
                mask[:, top : top + height, left : left + width] = True
        mean = views.detach().mean(dim=(2, 3), keepdim=True) if self.fill == "mean" else views.new_tensor(0.5)
        return torch.where(hidden, mean, views)
