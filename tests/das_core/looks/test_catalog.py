"""What holds for all looks: shapes, ranges, batches, tiny pictures, names, sizes and palettes."""

import pydoc

import pytest
import torch

from das_core.common.images import place_on_canvas
from das_core.looks.catalog import LOOKS, adjust_look, build_look, describe_look, read_look
from das_core.looks.cells import Cells
from das_core.looks.ink import Ink
from das_core.looks.look import Look, apply_look
from das_core.looks.paint import Paint
from das_core.looks.regions import Glass
from photographs import load_photograph

PHOTO = load_photograph("cat", 96)


def test_help_says_what_the_looks_are() -> None:
    said = pydoc.plain(pydoc.render_doc(LOOKS))
    assert all(name in said.split("Method resolution")[0].replace("\n |  ", " ") for name in LOOKS)


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_returns_pictures_and_treats_each_alone(name: str) -> None:
    look, pixels = LOOKS[name], place_on_canvas(torch.cat([PHOTO, 1 - PHOTO]), (61, 83), 7)
    before = pixels.clone()
    for tile in (False, True):
        made = look(pixels, 0 if tile else 7, tile)
        assert made.shape == pixels.shape
        assert made.isfinite().all()
        assert made.min() >= 0
        assert made.max() <= 1
        assert torch.equal(pixels, before)
        assert torch.equal(made, look(pixels, 0 if tile else 7, tile))
        assert torch.equal(made[1:], look(pixels[1:], 0 if tile else 7, tile))


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 3), (16, 16)])
def test_the_smallest_pictures_and_plain_colours_have_looks(name: str, shape: tuple[int, int]) -> None:
    for value in (0.0, 0.3, 1.0):
        for tile in (False, True):
            assert LOOKS[name](torch.full((1, 3, *shape), value), 0, tile).isfinite().all()


def test_looks_have_names_and_sizes_and_palettes() -> None:
    assert read_look("pixel art") == Cells()
    assert read_look(Ink()) == Ink()
    assert read_look(None) is None
    assert adjust_look(Cells(), 2) == Cells(28)
    assert adjust_look(Cells(0, 5), 2) == Cells(0, 5)
    assert adjust_look(Ink(), 0.5) == Ink(spacing=2.0)
    assert adjust_look(Glass(), 2.5).pieces == 8
    assert adjust_look(Cells(), palette=" #F0a #00ff00", dither="ordered").palette == ("#ff00aa", "#00ff00")
    assert adjust_look(Cells(), palette="4").palette == 4
    assert adjust_look(Ink(), palette="#123456, #ffffff") == Ink(ink="#123456", paper="#ffffff")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: read_look("crayon"), "there is no look 'crayon'; choose one of pixel art"),
        (lambda: adjust_look(Paint(), palette="nes"), "has no palette"),
        (lambda: adjust_look(Paint(), dither="off"), "mixes no colours"),
        (lambda: adjust_look(Ink(), palette="5"), "ink has two colours, not '5'"),
        (lambda: adjust_look(Cells(), float("nan")), "size nan is not between 0.2 and 5"),
        (lambda: adjust_look(Cells(), palette="#12 #fff"), "'#12' is no hex code"),
        (lambda: adjust_look(Cells(), palette="#123456"), "a palette of 1 colours cannot be"),
        (lambda: Cells(palette=100_000), "palette 100000 is not a whole number from 2 to 256"),
        (lambda: Cells(palette=("#fff",) * 300), "a palette of 300 colours"),
        (lambda: Cells(cells=-1), "cells -1 is not a whole number from 0"),
        (lambda: Glass(color="red"), "'red' is no hex code"),
        (lambda: apply_look(lambda *_: PHOTO[..., 1:], PHOTO, 0, False), "must return pixels of the same shape"),
    ],
)
def test_bad_values_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("look", [*LOOKS.values(), Cells(9, ("#000000", "#ffffff"), "diffusion")])
def test_a_look_survives_a_file(look: Look) -> None:
    assert build_look(describe_look(look)) == look
