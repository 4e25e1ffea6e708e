"""Stacks as zooms: pictures as depths, the margin that suits, and what goes along."""

from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.nest import as_zoom
from das_core.stack.retime import as_film
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom, zoom_margin

SPEC = StackSpec(48, 32, 4)


def pictures(count: int = 1) -> ImageStack:
    return ImageStack.noise(SPEC, count, decay=0.8)


@each_case("zoom", [Zoom(3, loop=True), Zoom(2)])
def test_all_depths_start_anew_from_what_one_picture_shows(zoom: Zoom) -> None:
    stack = replace(pictures(), steps=7)
    made = as_zoom(stack, zoom)
    assert made.spec == replace(SPEC, zoom=zoom)
    assert torch.equal(made.canvas, stack.canvas.expand(zoom.depths, -1, -1, -1))
    assert made.canvas.is_contiguous()
    assert (made.steps, made.parameters, made.optimizer_state) == (7, None, None)
    assert made.start is made.canvas


def test_as_many_pictures_as_depths_are_the_depths() -> None:
    stack = pictures(3)
    assert torch.equal(as_zoom(stack, Zoom(3)).canvas, stack.canvas)
    assert torch.equal(as_zoom(as_film(stack, Time(3)), Zoom(3)).canvas, stack.canvas)


def test_depths_are_laid_in_each_other_anew() -> None:
    zoom = as_zoom(pictures(3), Zoom(3))
    other = as_zoom(zoom, Zoom(3, factor=4.0))
    assert other.spec.zoom == Zoom(3, factor=4.0)
    assert torch.equal(other.canvas, zoom.canvas)


@each_case(("size", "margin"), [((32, 48), 4), ((224, 160), 20), ((448, 448), 56), ((1024, 768), 56)])
def test_the_margin_that_suits_fits_every_factor(size: tuple[int, int], margin: int) -> None:
    assert zoom_margin(*size) == margin
    StackSpec(*size, margin, zoom=Zoom(2, factor=1.5 if margin == 4 else 1.25))


def test_a_wider_margin_is_cut_off_with_the_levels_that_are_finer_than_what_is_left() -> None:
    spec = StackSpec(64, 64, 24, levels=(1, 8, 80, 112), gains=(1.0, 2.0, 3.0, 4.0))
    stack = ImageStack.noise(spec)
    zoom = as_zoom(stack, Zoom(2))
    assert (zoom.spec.margin, zoom.spec.levels, zoom.spec.gains) == (8, (1, 8, 80), (1.0, 2.0, 3.0))
    assert torch.equal(zoom.canvas[:1], stack.canvas[:, :, 16:-16, 16:-16])
    # The picture is the same where no depth lies in it.
    assert torch.equal(zoom.image()[0, :, :4], stack.image()[0, :, :4])
    # Where all levels are too fine, they become the finest that is left.
    assert as_zoom(ImageStack.gray(StackSpec(64, 64, 24, levels=(112,))), Zoom(2)).spec.levels == (80,)


def test_what_cannot_be_a_zoom_is_refused() -> None:
    around = pictures().place_into(torch.rand(1, 3, 32, 48), torch.ones(1, 32, 48))
    with pytest.raises(ValueError, match="a zoom is no part of a picture"):
        as_zoom(around, Zoom(2))
    with pytest.raises(ValueError, match="2 pictures are no zoom of 3 depths; 1, which all start from, or 3 are"):
        as_zoom(pictures(2), Zoom(3))
    with pytest.raises(ValueError, match="a zoom cannot be a tile"):
        as_zoom(ImageStack.gray(StackSpec(32, 32, 0, tile=True)), Zoom(2))
    with pytest.raises(ValueError, match="a margin of 0 pixels is too narrow for a zoom"):
        as_zoom(ImageStack.gray(StackSpec(32, 32, 0)), Zoom(2))
