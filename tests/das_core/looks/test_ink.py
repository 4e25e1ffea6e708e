"""Ink: two colours, and as much paper as there is light."""

import pytest
import torch

from das_core.looks.ink import Drawing, Ink
from photographs import load_photograph


@pytest.mark.parametrize("drawing", ["threshold", "lines", "hatching", "stipple", "halftone"])
def test_a_drawing_has_two_colours(drawing: Drawing) -> None:
    made = Ink(drawing, ink="#000080", paper="#fff0e0")(load_photograph("cat", 96))
    assert len(made.flatten(2)[0].unique(dim=1).T) == 2
    assert torch.equal(made[0, :, 0, 0], torch.tensor([0, 0, 128 / 255])) or made[0, 0, 0, 0] == 1


@pytest.mark.parametrize("drawing", ["lines", "hatching", "stipple", "halftone"])
@pytest.mark.parametrize("tone", [0.25, 0.5, 0.75])
def test_paper_is_left_in_proportion_to_the_tone(drawing: Drawing, tone: float) -> None:
    made = Ink(drawing, ink="#000", paper="#fff")(torch.full((1, 3, 112, 112), tone))
    assert abs(float(made.mean()) - tone) < (0.12 if drawing == "hatching" else 0.05)
