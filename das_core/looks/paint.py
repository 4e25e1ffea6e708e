"""Paint: strokes of a brush that follow the forms, by a Kuwahara filter and smoothing along them.

The filter takes the means of those sectors around a pixel that vary least, so that edges stay (docs/looks.md).
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.choices import check_choice
from ..common.coarse_blur import blur_coarsely
from ..common.geometry import Shape
from ..common.interruption import pausing
from ..common.scalars import check_number
from .look import measure_scale, wrap

Medium = Literal["oil", "watercolour"]

_SECTORS, _SHARPNESS, _STEPS, _TAPS, _AT_ONCE = 8, 8.0, 5, 6, 2**20


@dataclass(frozen=True)
class Paint:
    """Oil or watercolour.

    Args:
        medium: oil, in strokes; or watercolour, in washes with darker edges, on rough paper.
        radius: the radius of a dab of paint, in pixels of a picture of 224, 1 to 20.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> photo = torch.rand(1, 3, 64, 64)
        >>> bool(da.looks.Paint()(photo).std() < photo.std())
        True
    """

    medium: Medium = "oil"
    radius: float = 3.0

    def __post_init__(self) -> None:
        check_choice("medium", self.medium, get_args(Medium))
        check_number("radius", self.radius, 1, 20, "3 shows the strokes of a brush, 6 those of a broad one")

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as a painting, see `Look`."""
        radius = max(1, round(self.radius * measure_scale(pixels, margin)))
        border = min(4 * radius, *pixels.shape[2:]) if tile else 0
        painted = filter_kuwahara(wrap(pixels, border, tile), radius)
        if self.medium == "oil":
            painted = smooth_along(painted, find_flow(painted, 2.0 * radius), float(radius))
        else:
            painted = _wash(painted, radius)
        return painted[..., border : border + pixels.shape[2], border : border + pixels.shape[3]].clamp(0, 1)

    def estimate_bytes(self, canvas: Shape) -> int:
        """Return about how many bytes painting a picture takes: bands of it at a time, and a few tensors like it."""
        return 4 * 3 * (36 * min(math.prod(canvas), _AT_ONCE) + 8 * math.prod(canvas))


def filter_kuwahara(pixels: Tensor, radius: int) -> Tensor:
    """Return pixels (B, 3, H, W) as means over those eighths of the surroundings of each that vary least."""
    rows = max(1, _AT_ONCE // pixels.shape[3])
    padded = F.pad(pixels, (0, 0, 2 * radius, 2 * radius), mode="replicate")
    bands = pausing(range(0, pixels.shape[2], rows))
    parts = [_filter_band(padded[:, :, first : first + rows + 4 * radius], radius) for first in bands]
    return torch.cat([part[:, :, 2 * radius : part.shape[2] - 2 * radius] for part in parts], dim=2)


def _filter_band(pixels: Tensor, radius: int) -> Tensor:
    """Return `filter_kuwahara` of a band, wrong in twice the radius at its upper and lower edge."""
    # Of a large radius every second, third, … pixel counts, each with its neighbours.
    step = math.ceil(radius / _TAPS)
    kernels, reach = _make_sectors(radius // step).to(pixels), radius // step * step
    channels = torch.cat([pixels, pixels.square().sum(dim=1, keepdim=True)], dim=1).flatten(0, 1)[:, None]
    if step > 1:
        soft = F.pad(channels, (step // 2, (step - 1) // 2) * 2, mode="replicate")
        channels = F.avg_pool2d(soft, step, stride=1)
    padded = F.pad(channels, (reach,) * 4, mode="replicate")
    sums = F.conv2d(padded, kernels, dilation=step).unflatten(0, (len(pixels), 4))
    means, squares = sums[:, :3], sums[:, 3]
    variance = (squares - means.square().sum(dim=1)).clamp(min=0)
    weights = 1 / (1e-4 + variance) ** (_SHARPNESS / 2)
    return (means * (weights / weights.sum(dim=1, keepdim=True))[:, None]).sum(dim=2)


def _make_sectors(radius: int) -> Tensor:
    """Return the weights (8, 1, 2 r + 1, 2 r + 1) of the soft eighths of a disc; their sums are 1."""
    down, right = torch.meshgrid(*[torch.arange(-radius, radius + 1, dtype=torch.float32)] * 2, indexing="ij")
    away = down**2 + right**2
    disc = torch.exp(-away / (2 * (0.5 * radius + 0.3) ** 2)) * (away <= (radius + 0.5) ** 2)
    turns = torch.arange(_SECTORS)[:, None, None] / _SECTORS
    apart = torch.remainder(torch.atan2(down, right) / (2 * math.pi) - turns + 0.5, 1) - 0.5
    kernels = (disc * torch.exp(-(apart**2) / (2 * 0.056**2)))[:, None]
    kernels[..., radius, radius] = 1.0
    return kernels / kernels.sum(dim=(2, 3), keepdim=True)


def find_flow(pixels: Tensor, deviation: float) -> Tensor:
    """Return the direction (B, 2, H, W), x and y of length 1, in which pixels vary least, from the structure tensor."""
    padded = F.pad(pixels, (1,) * 4, mode="replicate")
    right = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    products = torch.stack([(a * b).sum(dim=1) for a, b in ((right, right), (down, down), (right, down))], dim=1)
    xx, yy, xy = blur_coarsely(products, deviation).unbind(dim=1)
    # The direction of the largest change is half the angle of this vector; the flow is a quarter turn from it.
    angle = torch.atan2(2 * xy, xx - yy) / 2 + math.pi / 2
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def smooth_along(pixels: Tensor, flow: Tensor, length: float) -> Tensor:
    """Return pixels averaged along a flow (B, 2, H, W), `length` pixels to both sides (line integral convolution)."""
    height, width = pixels.shape[2:]
    columns, rows = (torch.arange(side, device=pixels.device, dtype=pixels.dtype) for side in (width, height))
    home = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))[None].expand(len(pixels), -1, -1, -1)
    size = torch.tensor([width, height], dtype=pixels.dtype).to(pixels.device)[:, None, None]

    def sample(values: Tensor, places: Tensor) -> Tensor:
        grid = ((places + 0.5) / size * 2 - 1).permute(0, 2, 3, 1)
        return F.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)

    total, step = pixels.clone(), length / _STEPS
    for sign in (1, -1):
        places, heading = home, flow * sign
        for _ in range(_STEPS):
            places = places + step * heading
            total += sample(pixels, places)
            ahead = sample(flow, places)
            # A flow has no sign: the stroke goes on to the side where it came from.
            heading = ahead * torch.where((ahead * heading).sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
    return total / (2 * _STEPS + 1)


def _wash(pixels: Tensor, radius: int) -> Tensor:
    """Return pixels as washes of watercolour: pigment gathers at the edge of a wash and in the grain of the paper."""
    gathered = (blur_coarsely(pixels, 0.8 * radius) - pixels).abs().mean(dim=1, keepdim=True)
    grain = torch.rand(1, 1, *pixels.shape[2:], generator=torch.Generator().manual_seed(0)).to(pixels)
    grain = F.avg_pool2d(F.pad(grain, (1,) * 4, mode="replicate"), 3, stride=1) - 0.5
    # More pigment lets less light through (Bousseau et al., NPAR 2006, section 3): x - (x - x²) (d - 1).
    density = 1 + 2.5 * gathered + 0.8 * grain
    light = 0.12 + 0.88 * pixels
    return light - (light - light.square()) * (density - 1)
