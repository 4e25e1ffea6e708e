"""Pixel art: cells of one colour, of few colours, also in films and mixed."""

import pytest
import torch

from das_core.common.images import place_on_canvas
from das_core.looks.cells import Cells, Drawn
from das_core.looks.colors import Dither, find_image_palette, from_hex
from photographs import load_photograph

PHOTO = load_photograph("cat", 96)


@pytest.mark.parametrize("dither", ["off", "ordered", "diffusion"])
def test_every_cell_has_one_colour_of_the_palette(dither: Dither) -> None:
    canvas = place_on_canvas(PHOTO, (64, 96), 10)
    art = Cells(16, "pico-8", dither)(canvas, 10)[:, :, 10:-10, 10:-10]
    blocks = art.unfold(2, 4, 4).unfold(3, 4, 4)
    assert torch.equal(blocks, blocks[..., :1, :1].expand_as(blocks))
    colors = art.flatten(2)[0].T.unique(dim=0)
    known = from_hex("pico-8", art)
    assert 4 < len(colors) <= 16
    assert all((known == color).all(dim=1).any() for color in colors)
    assert 0.7 < art.mean() / PHOTO.mean() < 1.4


def test_a_palette_of_its_own_is_nearer_than_another() -> None:
    own, other = (float((Cells(0, palette)(PHOTO) - PHOTO).abs().mean()) for palette in (16, "nes"))
    assert own < 0.6 * other


def test_images_that_belong_together_share_a_palette() -> None:
    pair = torch.cat([PHOTO, PHOTO.flip(1)])
    apart, together = (look(pair).transpose(0, 1).flatten(1).unique(dim=1) for look in (Cells(), Cells().settle(pair)))
    assert together.shape[1] <= 14 < apart.shape[1]


@pytest.mark.parametrize(("drawn", "ground"), [("stitches", 0.93), ("tiles", 0.55)])
def test_stitches_and_tiles_leave_the_ground_free(drawn: Drawn, ground: float) -> None:
    made = Cells(12, 8, drawn=drawn)(PHOTO)
    share = float((made == ground).all(dim=1).float().mean())
    assert 0.1 < share < 0.6
    assert torch.equal((made == ground).all(dim=1)[0, :8, :8], (made == ground).all(dim=1)[0, 8:16, 16:24])


def test_a_palette_comes_from_an_image() -> None:
    colors = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 1]]).T.reshape(1, 3, 1, 3).repeat(1, 1, 8, 8)
    assert find_image_palette(colors, 3) == ("#000000", "#ff0000", "#ffffff")
