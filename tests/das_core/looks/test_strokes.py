"""Strokes against points along their curves, derivatives against plain autograd, and SVG."""

import io

import numpy as np
import resvg_py
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from das_core.looks.strokes import PAPER, VALUES, draw_strokes, list_shapes, scatter_strokes
from das_core.looks.svg import write_svg

SIDE, WINDOW = 48, 40


def scatter(count: int) -> Tensor:
    pixels = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    return scatter_strokes(pixels, count, 5.0, 14.0, 0)


def draw_plainly(strokes: Tensor) -> Tensor:
    """The same picture from the distances of all pixels to many points of each curve, without windows."""
    rows, columns = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    pixels, time = torch.stack([columns, rows], dim=-1).reshape(-1, 2), torch.linspace(0, 1, 200)[:, None]
    picture = torch.full((3, SIDE, SIDE), PAPER)
    for stroke in strokes:
        first, control, last = stroke[:6].view(3, 2)
        curve = (1 - time) ** 2 * first + 2 * time * (1 - time) * control + time**2 * last
        away = torch.cdist(pixels, curve).amin(dim=1).view(SIDE, SIDE)
        cover = torch.sigmoid(stroke[6].exp() / 2 - away) * torch.sigmoid(stroke[10])
        picture = picture + cover * (torch.sigmoid(stroke[7:10])[:, None, None] - picture)
    return picture


def test_strokes_cover_what_is_near_their_curves_and_the_last_lies_on_top() -> None:
    strokes = scatter(12)
    assert strokes.shape == (12, VALUES)
    drawn, plain = draw_strokes(strokes, SIDE, SIDE, WINDOW), draw_plainly(strokes)
    assert float((drawn - plain).abs().mean()) < 0.004
    assert float((drawn - plain).abs().max()) < 0.12
    assert not torch.allclose(drawn, draw_strokes(strokes.flip(0), SIDE, SIDE, WINDOW), atol=0.05)
    # Far outside there is paper, and nothing fails.
    assert torch.equal(draw_strokes(strokes + 9999, SIDE, SIDE, WINDOW), torch.full((3, SIDE, SIDE), PAPER))


def test_derivatives_are_those_of_plain_autograd() -> None:
    # Smooth weights: distances are interpolated from every second pixel.
    noise = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    strokes, weights = scatter(6), F.avg_pool2d(noise, 5, stride=1, padding=2)[0]
    found: list[Tensor] = []
    for draw in (lambda moving: draw_strokes(moving, SIDE, SIDE, WINDOW), draw_plainly):
        moving = strokes.clone().requires_grad_()
        found += torch.autograd.grad((draw(moving) * weights).sum(), moving)
    for columns in (slice(0, 6), slice(6, 7), slice(7, 10), slice(10, 11)):
        own, plain = (gradient[:, columns].flatten() for gradient in found)
        assert float(torch.cosine_similarity(own, plain, dim=0)) > 0.97
        assert 0.8 < float(own.norm() / plain.norm()) < 1.2


def test_as_svg_they_are_the_same_picture_but_for_soft_edges() -> None:
    strokes = scatter_strokes(torch.full((3, 4 * SIDE, 4 * SIDE), 0.5), 10, 20.0, 56.0, 0)
    text = write_svg(list_shapes(strokes, 4 * SIDE, 4 * SIDE), 4 * SIDE, 4 * SIDE)
    assert text.count("stroke-opacity") == 10
    rendered = np.asarray(Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text)))).convert("RGB"))
    drawn = draw_strokes(strokes, 4 * SIDE, 4 * SIDE, 4 * WINDOW).permute(1, 2, 0).mul(255).numpy()
    assert np.abs(rendered - drawn).mean() < 4
    assert (np.abs(rendered - drawn).max(axis=2) > 60).mean() < 0.02
