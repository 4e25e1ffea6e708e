"""Strokes of a brush with soft edges, drawn over each other so that gradients flow back to where and what they are.

A stroke is a row of eleven numbers: the three points of a quadratic Bézier curve as x and y in pixels, the logarithm of
its width in pixels, and the logits of its colour (red, green, blue) and opacity.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.devices import make_constant, send_to_device
from ..common.interruption import allow_interrupt
from .colors import to_hex
from .svg import Shape

STROKES = "strokes"  # The kind of an optimizer state whose first tensor holds strokes.
VALUES = 11
PAPER = 0.95  # The grey of the ground.

_PIECES = 6  # Straight pieces that stand for a curve.
_FLOOR = 1e-6


def scatter_strokes(pixels: Tensor, count: int, width: float, reach: float, number: int) -> Tensor:
    """Return strokes (count, 11) at random places (`number` is the seed), in colours near those of a picture (3, H, W)
    there, about `reach` pixels long; widths fall from 2.5 times to 0.4 times `width` pixels."""
    generator = torch.Generator().manual_seed(number)
    height, length = pixels.shape[1:]
    size = torch.tensor([length, height], dtype=torch.float32)
    middle = torch.rand(count, 1, 2, generator=generator) * size
    points = middle + torch.randn(count, 3, 2, generator=generator) * reach / 3
    noise = torch.randn(count, 3, generator=generator) / 2
    widths = torch.linspace(math.log(2.5), math.log(0.4), count)[:, None] + math.log(width)
    at = send_to_device((middle[:, 0] / size * 2 - 1)[None, None], pixels.device)
    found = F.grid_sample(pixels[None], at, padding_mode="border", align_corners=False)[0, :, 0].T
    colors = found.clamp(0.02, 0.98).logit() + send_to_device(noise, pixels.device)
    shapes = send_to_device(torch.cat([points.flatten(1), widths], dim=1), pixels.device)
    return torch.cat([shapes, colors, torch.ones_like(colors[:, :1])], dim=1)


def draw_strokes(strokes: Tensor, height: int, width: int, window: int) -> Tensor:
    """Return a picture (3, height, width), 0..1, of strokes (N, 11) on paper, the later ones on top; of each,
    what lies in a square of `window` pixels around its middle."""
    allow_interrupt()
    time = torch.linspace(0, 1, _PIECES + 1, device=strokes.device)[:, None]
    first, control, last = strokes[:, :6].view(-1, 3, 1, 2).unbind(dim=1)
    curve = (1 - time) ** 2 * first + 2 * time * (1 - time) * control + time**2 * last
    middle = (curve.amax(dim=1) + curve.amin(dim=1)).detach() / 2
    edge = make_constant((float(width), float(height)), middle.dtype, middle.device)
    corners = (middle - window / 2).round().clamp(min=-window).minimum(edge)
    away = _measure_distances(curve - corners[:, None], window)
    cover = torch.sigmoid(strokes[:, 6].exp()[:, None, None] / 2 - away) * torch.sigmoid(strokes[:, 10, None, None])
    ground = torch.full((3, height + 2 * window, width + 2 * window), PAPER, device=strokes.device)
    places = [(x + window, y + window) for x, y in corners.long().tolist()]
    drawn: Tensor = _Over.apply(ground, cover, torch.sigmoid(strokes[:, 7:10]), places)
    return drawn[:, window : window + height, window : window + width]


def list_shapes(strokes: Tensor, height: int, width: int) -> list[Shape]:
    """Return the paper of a picture and its strokes (N, 11) as shapes for SVG."""
    (paper,) = to_hex(torch.full((1, 3), PAPER))
    shapes = [Shape(f"M0 0h{width}v{height}h{-width}z", paper)]
    colors = to_hex(torch.sigmoid(strokes[:, 7:10]))
    widths, opacities = strokes[:, 6].clamp(max=20).exp().tolist(), strokes[:, 10].sigmoid().tolist()
    for points, thick, opacity, color in zip(strokes[:, :6].tolist(), widths, opacities, colors, strict=True):
        x0, y0, x1, y1, x2, y2 = (f"{value:.2f}" for value in points)
        shapes.append(Shape(f"M{x0} {y0}Q{x1} {y1} {x2} {y2}", color, thick, opacity))
    return shapes


def _measure_distances(curve: Tensor, window: int) -> Tensor:
    """Return how far the pixels of each window are from its curve (N, pieces + 1, 2), (N, window, window)."""
    # On every second pixel, and between them by interpolation, which takes a quarter of the time.
    place = torch.arange(0, window, 2, device=curve.device) + 1.0
    right, down = place[None, None, :], place[None, :, None]
    nearest = None
    for begin, end in zip(curve[:, :-1].unbind(dim=1), curve[:, 1:].unbind(dim=1), strict=True):
        (x, y), (dx, dy) = (part[:, :, None, None].unbind(dim=1) for part in (begin, end - begin))
        share = ((right - x) * dx + (down - y) * dy) / (dx.square() + dy.square()).clamp(min=_FLOOR)
        share = share.clamp(0, 1)
        away = (right - x - share * dx).square() + (down - y - share * dy).square()
        nearest = away if nearest is None else torch.minimum(nearest, away)
    assert nearest is not None
    return F.interpolate((nearest + _FLOOR).sqrt()[:, None], scale_factor=2.0, mode="bilinear")[:, 0]


class _Over(torch.autograd.Function):
    """Lays strokes over a ground (3, H, W), one after the other, each in its window: ground += cover (color - ground).

    In place, and with a derivative of its own: what each stroke covers is kept, in place of a picture for each stroke.
    """

    @staticmethod
    def forward(ctx: Any, ground: Tensor, cover: Tensor, color: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
        side = cover.shape[-1]
        covered = torch.empty(len(cover), 3, side, side, device=cover.device)
        for number, (x, y) in enumerate(places):
            part = ground[:, y : y + side, x : x + side]
            covered[number] = part
            part += cover[number] * (color[number][:, None, None] - part)
        ctx.save_for_backward(covered, cover, color)
        ctx.places = places
        return ground

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        covered, cover, color = ctx.saved_tensors
        (gradient,) = gradients
        gradient, side = gradient.clone(), cover.shape[-1]
        at_cover, at_color = torch.empty_like(cover), torch.empty_like(color)
        for number in reversed(range(len(cover))):
            x, y = ctx.places[number]
            part = gradient[:, y : y + side, x : x + side]
            at_cover[number] = (part * (color[number][:, None, None] - covered[number])).sum(dim=0)
            at_color[number] = (part * cover[number]).sum(dim=(1, 2))
            part *= 1 - cover[number]
        return None, at_cover, at_color, None
