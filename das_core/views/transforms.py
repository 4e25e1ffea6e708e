"""Augmentation: which views of a canvas a judge is shown.

What helps an image made by ascent most (arXiv 2502.07753, section 4) is that no judge ever sees it twice in the same
way. `Windows` cuts views out of the canvas; then come transforms of views, in order. All of them draw from `Draws`.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from ..common.choices import check_choice
from ..common.curves import Curve, check_curve, interpolate
from .draws import Draws, NoiseKind
from .perspective import FARTHEST_CORNER, make_perspective_grid, warp


class Transform(Protocol):
    """What happens to views (V, 3, S, S), 0..1. Frozen, and random only through the draws it is given."""

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """The transformed views, of the same shape and range."""
        ...


@dataclass(frozen=True)
class Flip:
    """Mirror a view left to right with this probability."""

    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"flip {self.probability} is not a probability between 0 and 1; 0.5 is every second view")

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Views, some of them mirrored."""
        mirrored = [number < self.probability for number in draws.uniform()]
        if not any(mirrored):
            return views
        return torch.stack([view.flip(-1) if flip else view for view, flip in zip(views, mirrored, strict=True)])


@dataclass(frozen=True)
class Noise:
    """Add noise and clip to 0..1: `amplitude` times a Gaussian, or times U[0, 1) as in the reference (there 0.2).

    The Gaussian leaves the brightness of a view alone. The reference's noise raises it by half its amplitude, so that
    the picture itself, seen without noise, comes out darker than what convinced the model. With an `amplitude_end` the
    amplitude goes there over the ascent, along `curve`.
    """

    amplitude: float = 0.05
    kind: NoiseKind = "gaussian"
    amplitude_end: float | None = None
    curve: Curve = "linear"

    def __post_init__(self) -> None:
        for name, amplitude in (("noise", self.amplitude), ("noise_end", self.amplitude_end)):
            if amplitude is not None and not 0 <= amplitude <= 10:
                raise ValueError(f"{name} {amplitude} is not between 0 (none) and 10; 0.05 is a good amount")
        check_curve(self.curve)
        check_choice("noise kind", self.kind, get_args(NoiseKind))

    def __call__(self, views: Tensor, draws: Draws) -> Tensor:
        """Noisy views."""
        amplitude = self.amplitude
        if self.amplitude_end is not None:
            amplitude = interpolate(amplitude, self.amplitude_end, self.curve, draws.progress)
        if amplitude == 0:
            return views
        # Two roundings, as in the reference: a fused product and sum would differ in the last bit.
        return draws.noise(views.shape[1:], self.kind).mul_(amplitude).add_(views).clamp(0, 1)


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
        return warp(views, make_perspective_grid(self.distortion * inward, views.shape[-1]))


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
        check_choice("fill", self.fill, get_args(Fill))

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
