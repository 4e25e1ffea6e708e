"""Strokes of a brush, laid over each other from broad to fine, each a Bézier curve with one colour and one width.

Hertzmann (SIGGRAPH 1998): each layer paints the picture, blurred as wide as its brush, where the layers below differ
from it; strokes begin on a jittered grid and follow the flow of the picture.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.coarse_blur import blur_coarsely
from ..common.devices import send_to_device
from ..common.interruption import pausing
from .colors import to_hex
from .look import check_number, measure_scale, wrap
from .paint import find_flow
from .svg import Shape

_BRUSHES = (1.0, 0.5, 0.25)  # The widths of the layers, relative to the widest.
_AT_ONCE = 2**22  # How many pixels of strokes are drawn at once.


@dataclass(frozen=True)
class Strokes:
    """Strokes of three brushes.

    Args:
        width: that of the broadest brush, in pixels of a picture of 224, 2 to 60.
        length: that of a stroke, as a multiple of its width, 0 to 12; 0 makes dots.
        tolerance: the difference, 0 to 1, that a finer brush leaves as it is; 0 paints everything thrice.

    Example:
        >>> import torch
        >>> from das_core import Strokes
        >>> Strokes()(torch.rand(1, 3, 64, 64)).shape
        torch.Size([1, 3, 64, 64])
    """

    width: float = 12.0
    length: float = 4.0
    tolerance: float = 0.06

    def __post_init__(self) -> None:
        check_number("width", self.width, 2, 60, "12 is a broad brush, 4 a pencil")
        check_number("length", self.length, 0, 12, "4 paints strokes, 0 dots")
        check_number("tolerance", self.tolerance, 0, 1, "0.06 leaves surfaces to the broad brush")

    def __call__(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> Tensor:
        """Return the pixels as strokes, see `Look`."""
        return torch.cat([self._paint(picture, margin, tile)[0] for picture in pixels.split(1)])

    def draw(self, pixels: Tensor, margin: int = 0, tile: bool = False) -> list[Shape]:
        """Return the strokes of a picture (1, 3, H, W), on a ground of its mean colour."""
        _, layers, border = self._paint(pixels, margin, tile)
        height, width = pixels.shape[2:]
        (ground,) = to_hex(pixels.mean(dim=(2, 3)))
        shapes = [Shape(f"M0 0h{width}v{height}h{-width}z", ground)]
        for strokes, colors, thick in layers:
            half = self.length * thick / 2
            for (x, y, cosine, sine, bend), color in zip(strokes.tolist(), to_hex(colors), strict=True):
                # The curve v = k u^2 from -h to h has its control point at (0, -k h^2).
                local = [(-half, bend * half**2), (0.0, -bend * half**2), (half, bend * half**2)]
                first, control, last = (
                    f"{x + cosine * u - sine * v - border:.2f} {y + sine * u + cosine * v - border:.2f}"
                    for u, v in local
                )
                shapes.append(Shape(f"M{first}Q{control} {last}", color, thick))
        return shapes

    def _paint(self, pixels: Tensor, margin: int, tile: bool) -> tuple[Tensor, list[tuple[Tensor, Tensor, float]], int]:
        """Return a painting (1, 3, H, W), the strokes, colours (N, 3) and width of each layer, and their offset."""
        scale = measure_scale(pixels, margin)
        border = min(round(4 * self.width * scale), *pixels.shape[2:]) if tile else 0
        seen = wrap(pixels, border, tile)
        painted = pixels.mean(dim=(2, 3), keepdim=True).expand_as(seen)
        layers = []
        for number, share in enumerate(_BRUSHES):
            width = max(1.5, self.width * scale * share)
            target = blur_coarsely(seen, width / 2)
            strokes, colors = self._lay(target, painted, find_flow(seen, 1.5 * width), width, number)
            painted = draw_strokes(painted, strokes, self.length * width / 2, colors, width)
            layers.append((strokes, colors, width))
        return painted[..., border : border + pixels.shape[2], border : border + pixels.shape[3]], layers, border

    def _lay(self, target: Tensor, painted: Tensor, flow: Tensor, width: float, number: int) -> tuple[Tensor, Tensor]:
        """Return the strokes (N, 5) and the colours (N, 3) of a layer, in a mixed order."""
        height, length = target.shape[2], target.shape[3]
        rows, columns = (max(1, round(side / (0.8 * width))) for side in (height, length))
        generator = torch.Generator().manual_seed(number)
        jitter = torch.rand(2, rows, columns, generator=generator)
        order = torch.randperm(rows * columns, generator=generator)
        grid = torch.stack(torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy")) + jitter
        size = torch.tensor([length, height], dtype=torch.float32)
        places = grid.flatten(1).T[order] / torch.tensor([columns, rows]) * size
        places, size = send_to_device(places, target.device), send_to_device(size, target.device)

        def sample(values: Tensor, at: Tensor) -> Tensor:
            grid = (at / size * 2 - 1)[None, None]
            return F.grid_sample(values, grid, padding_mode="border", align_corners=False)[0, :, 0].T

        wrong = F.avg_pool2d((target - painted).abs().mean(dim=1, keepdim=True), 3, stride=1, padding=1)
        if number:
            places = places[sample(wrong, places)[:, 0] > self.tolerance]
        colors = sample(target, places)
        heading = sample(flow, places)
        half = self.length * width / 2
        bends = []
        for sign in (-1.0, 1.0):
            ahead = sample(flow, places + sign * heading * half / 2)
            ahead = ahead * torch.where((ahead * heading).sum(dim=1, keepdim=True) < 0, -1.0, 1.0)
            bends.append(sign * (heading[:, 0] * ahead[:, 1] - heading[:, 1] * ahead[:, 0]))
        bend = (bends[0] + bends[1]) / 2 / max(half, 1.0)
        return torch.cat([places, heading, bend[:, None]], dim=1), colors


def draw_strokes(picture: Tensor, strokes: Tensor, half: float, colors: Tensor, width: float) -> Tensor:
    """Return a picture (1, 3, H, W) with strokes drawn over it in their order.

    A stroke (N, 5) is a place, the direction of its middle, and its bend k: along the direction it is v = k u^2.
    """
    height, length = picture.shape[2:]
    top = torch.full((height * length,), -1, dtype=torch.long, device=picture.device)
    side = torch.arange(-1, 2 * math.ceil(half + width / 2) + 2, device=picture.device) - math.ceil(half + width / 2)
    window = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1).reshape(-1, 2)
    count = max(1, _AT_ONCE // len(window))
    for begin in pausing(range(0, len(strokes), count)):
        x, y, cosine, sine, bend = strokes[begin : begin + count, :, None].unbind(dim=1)
        right, down = x.floor().long() + window[:, 0], y.floor().long() + window[:, 1]
        away_x, away_y = right + 0.5 - x, down + 0.5 - y
        u, v = cosine * away_x + sine * away_y, cosine * away_y - sine * away_x
        foot = u.clamp(-half, half)
        for _ in range(2):  # Newton's method for the nearest point of the parabola.
            off = v - bend * foot.square()
            slope = foot - u - 2 * bend * foot * off
            foot = (foot - slope / (1 - 2 * bend * off + 4 * (bend * foot).square()).clamp(min=0.2)).clamp(-half, half)
        inside = (u - foot).square() + (v - bend * foot.square()).square() <= (width / 2) ** 2
        inside &= (right >= 0) & (right < length) & (down >= 0) & (down < height)
        numbers = torch.arange(begin, begin + len(x), device=x.device)[:, None].expand_as(u)[inside]
        # The last stroke lies on top; a maximum is the same in any order.
        top = top.scatter_reduce(0, (down * length + right)[inside], numbers, "amax")
    drawn = torch.cat([colors, colors.new_zeros(1, 3)])[top].T
    return torch.where(top >= 0, drawn, picture.flatten(2)[0]).view_as(picture)
