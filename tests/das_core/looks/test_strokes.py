"""Strokes against points along their curves, and how a painting nears the picture."""

import math

import torch

from das_core.looks.strokes import Strokes, draw_strokes
from photographs import load_photograph


def test_a_stroke_covers_what_is_near_its_curve() -> None:
    stroke = torch.tensor([[20.3, 24.8, math.cos(0.7), math.sin(0.7), 0.02]])
    drawn = draw_strokes(torch.zeros(1, 3, 48, 48), stroke, 14.0, torch.ones(1, 3), 6.0)[0, 0]
    u = torch.linspace(-14, 14, 2000)
    v = 0.02 * u**2
    curve = torch.stack([20.3 + math.cos(0.7) * u - math.sin(0.7) * v, 24.8 + math.sin(0.7) * u + math.cos(0.7) * v], 1)
    rows, columns = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    away = torch.cdist(torch.stack([columns, rows], dim=-1).reshape(-1, 2), curve).amin(dim=1).view(48, 48)
    assert torch.equal(drawn[(away - 3).abs() > 0.05], (away <= 3).float()[(away - 3).abs() > 0.05])


def test_the_last_stroke_lies_on_top_and_finer_brushes_come_nearer() -> None:
    strokes = torch.tensor([[8.0, 8, 1, 0, 0], [8.0, 8, 0, 1, 0]])
    crossed = draw_strokes(torch.zeros(1, 3, 16, 16), strokes, 6.0, torch.tensor([[1.0, 0, 0], [0, 1, 0]]), 3.0)
    assert crossed[0, :, 8, 8].tolist() == [0, 1, 0]
    assert crossed[0, :, 8, 3].tolist() == [1, 0, 0]
    photo = load_photograph("cat", 96)
    errors = [float((Strokes(width)(photo) - photo).abs().mean()) for width in (48.0, 24.0, 12.0)]
    assert errors[0] > errors[1] > errors[2]
