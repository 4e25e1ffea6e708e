"""Stacks as films, as zooms, and as pictures with levels: what they show, and what goes along."""

from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.conversion import as_film, as_pictures, as_pyramid, as_zoom, find_moments
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import Parametrization
from das_core.stack.render import render_film
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom, zoom_margin
from toys import SPEC as TOY
from toys import climb

SPEC = StackSpec(24, 16, 4)


@each_case("optimizer", [SGD(0.1), NormalizedAscent()])
def test_the_frames_of_a_film_are_pictures_with_what_was_accumulated(optimizer: Optimizer) -> None:
    spec = replace(TOY, time=Time(4))
    stack = climb(ImageStack.noise(spec), steps=2, optimizer=optimizer).stack
    pictures = as_pictures(stack)
    assert pictures.spec == replace(spec, time=None)
    assert pictures.canvas is stack.canvas
    assert (pictures.parameters is None) == (stack.parameters is None)
    if pictures.parameters is not None:
        added = pictures.spec.operator(torch.device("cpu")).forward(pictures.parameters)
        torch.testing.assert_close(pictures.start + added, stack.canvas, rtol=0, atol=1e-4)


@each_case("parametrization", ["pixels", "fourier", "maco"])
def test_any_parametrisation_is_a_pyramid_of_the_same_canvas(parametrization: Parametrization) -> None:
    spec = replace(TOY, parametrization=parametrization)
    stack = climb(ImageStack.noise(spec), steps=2, optimizer=NormalizedAscent()).stack
    pyramid = as_pyramid(stack)
    assert pyramid.spec == TOY
    assert (pyramid.canvas is stack.canvas, pyramid.start is stack.start) == (True, True)
    assert (pyramid.parameters, pyramid.optimizer_state) == (None, None)
    assert as_pyramid(pyramid) is pyramid


def pictures(count: int = 1) -> ImageStack:
    return ImageStack.noise(SPEC, count, decay=0.8)


@each_case("time", [Time(5), Time(5, loop=True), Time(3)])
def test_a_film_of_one_picture_stands_still_and_begins_anew(time: Time) -> None:
    stack = replace(pictures(1), steps=7)
    film = as_film(stack, time)
    assert film.spec.time == time
    assert torch.equal(film.image(), stack.image().expand(time.frames, -1, -1, -1))
    assert (film.steps, film.parameters, film.optimizer_state) == (7, None, None)
    assert film.start is film.canvas


def test_as_many_pictures_as_frames_are_the_frames() -> None:
    stack = pictures(5)
    assert torch.equal(as_film(stack, Time(5)).canvas, stack.canvas)
    assert torch.equal(as_film(stack, Time(5, loop=True)).canvas, stack.canvas)


def test_fewer_pictures_go_over_into_each_other() -> None:
    canvas = pictures(2).canvas
    film = as_film(pictures(2), Time(4))
    shares = torch.linspace(0, 1, 4)[:, None, None, None]
    torch.testing.assert_close(film.canvas, canvas[:1] * (1 - shares) + canvas[1:] * shares)
    around = as_film(pictures(2), Time(4, loop=True)).canvas
    middle = canvas.mean(dim=0)
    torch.testing.assert_close(around, torch.stack([canvas[0], middle, canvas[1], middle]))


def test_a_film_of_another_length_shows_what_is_rendered_of_it() -> None:
    film = as_film(pictures(3), Time(3, loop=True))
    torch.testing.assert_close(as_film(film, Time(12, loop=True)).image(), render_film(film, 12))
    assert torch.equal(as_film(as_film(film, Time(12, loop=True)), Time(3, loop=True)).canvas, film.canvas)


def test_levels_as_tensors_make_no_film() -> None:
    with pytest.raises(ValueError, match="does not keep its levels as tensors; choose the method spectral"):
        as_film(ImageStack.gray(replace(SPEC, method="layers")), Time(3))


def test_surroundings_become_those_of_the_frames() -> None:
    around, mask = torch.rand(1, 3, 16, 24), torch.zeros(1, 16, 24)
    mask[:, 4:12, 6:18] = 1
    film = as_film(pictures(1).place_into(around, mask), Time(3))
    outside = mask.expand(3, 3, -1, -1) == 0
    assert torch.equal(film.image()[outside], around.expand(3, -1, -1, -1)[outside])


@each_case(("frames", "count"), [(1, 1), (1, 4), (5, 1), (5, 2), (5, 7), (12, 48)])
@each_case("loop", [False, True])
def test_moments_are_even(frames: int, count: int, loop: bool) -> None:
    moments = find_moments(Time(frames, loop=loop), count)
    assert len(moments) == count
    places = [before + share for before, _, share in moments]
    end = frames if loop else frames - 1
    expected = [number * end / (count if loop else max(1, count - 1)) for number in range(count)]
    assert places == pytest.approx(expected)
    assert all(0 <= before < frames and 0 <= behind < frames and 0 <= share < 1 for before, behind, share in moments)


@each_case("zoom", [Zoom(3, loop=True), Zoom(2)])
def test_all_depths_start_anew_from_what_one_picture_shows(zoom: Zoom) -> None:
    stack = replace(pictures(), steps=7)
    made = as_zoom(stack, zoom)
    assert made.spec == replace(SPEC, zoom=zoom)
    assert torch.equal(made.canvas, stack.canvas.expand(zoom.depths, -1, -1, -1))
    assert made.canvas.is_contiguous()
    assert (made.steps, made.parameters, made.optimizer_state) == (7, None, None)
    assert made.start is made.canvas


def test_pictures_frames_and_depths_become_depths() -> None:
    stack = pictures(3)
    assert torch.equal(as_zoom(stack, Zoom(3)).canvas, stack.canvas)
    assert torch.equal(as_zoom(as_film(stack, Time(3)), Zoom(3)).canvas, stack.canvas)
    zoom = as_zoom(pictures(3), Zoom(3))
    other = as_zoom(zoom, Zoom(3, factor=4.0))
    assert other.spec.zoom == Zoom(3, factor=4.0)
    assert torch.equal(other.canvas, zoom.canvas)


@each_case(("size", "margin"), [((32, 48), 4), ((224, 160), 20), ((448, 448), 56), ((1024, 768), 56)])
def test_the_margin_that_suits_fits_every_factor(size: tuple[int, int], margin: int) -> None:
    assert zoom_margin(*size) == margin
    StackSpec(*size, margin, zoom=Zoom(2, factor=1.5 if margin == 4 else 1.25))


def test_a_wider_margin_is_cut_off_with_the_levels_that_are_finer_than_what_is_left() -> None:
    spec = StackSpec(64, 64, 24, levels=(1, 8, 80, 112))
    stack = ImageStack.noise(spec)
    zoom = as_zoom(stack, Zoom(2))
    assert (zoom.spec.margin, zoom.spec.levels) == (8, (1, 8, 80))
    assert torch.equal(zoom.canvas[:1], stack.canvas[:, :, 16:-16, 16:-16])
    # The picture is the same where no depth lies in it.
    assert torch.equal(zoom.image()[0, :, :4], stack.image()[0, :, :4])
    # Where all levels are too fine, they become the finest that is left.
    assert as_zoom(ImageStack.gray(StackSpec(64, 64, 24, levels=(112,))), Zoom(2)).spec.levels == (80,)


def test_what_cannot_be_a_zoom_is_refused() -> None:
    around = pictures().place_into(torch.rand(1, 3, 16, 24), torch.ones(1, 16, 24))
    with pytest.raises(ValueError, match="a zoom is no part of a picture"):
        as_zoom(around, Zoom(2))
    with pytest.raises(ValueError, match="2 pictures are no zoom of 3 depths; 1, which all start from, or 3 are"):
        as_zoom(pictures(2), Zoom(3))
    with pytest.raises(ValueError, match="a zoom cannot be a tile"):
        as_zoom(ImageStack.gray(StackSpec(32, 32, 0, tile=True)), Zoom(2))
    with pytest.raises(ValueError, match="a margin of 0 pixels is too narrow for a zoom"):
        as_zoom(ImageStack.gray(StackSpec(32, 32, 0)), Zoom(2))
