"""Stacks as films and as zooms: what they show, and what goes along."""

from dataclasses import replace

import pytest
import torch

import direct_ascent as da
from cases import each_case
from das_core.stack.conversion import find_moments

SPEC = da.StackSpec(24, 16, 4)


def pictures(count: int = 1) -> da.ImageStack:
    return replace(da.ImageStack.noise(SPEC, count, decay=0.8), steps=7)


@each_case("loop", False, True)
def test_frames_and_depths_start_anew_from_one_picture_and_frames_from_one_each(loop: bool) -> None:
    time, zoom = da.stack.Time(3, loop=loop), da.stack.Zoom(3, loop=loop)
    film, nested = da.stack.as_film(pictures(), time), da.stack.as_zoom(pictures(), zoom)
    for made, spec in ((film, replace(SPEC, time=time)), (nested, replace(SPEC, zoom=zoom))):
        assert made.spec == spec
        assert torch.equal(made.canvas, pictures().canvas.expand(3, -1, -1, -1))
        assert made.canvas.is_contiguous()
        assert (made.steps, made.optimizer_state) == (7, None)
        assert made.start is made.canvas
    assert torch.equal(da.stack.as_film(pictures(3), time).canvas, pictures(3).canvas)


def test_fewer_pictures_go_over_into_each_other() -> None:
    canvas = pictures(2).canvas
    film = da.stack.as_film(pictures(2), da.stack.Time(4))
    shares = torch.linspace(0, 1, 4)[:, None, None, None]
    torch.testing.assert_close(film.canvas, canvas[:1] * (1 - shares) + canvas[1:] * shares)
    around = da.stack.as_film(pictures(2), da.stack.Time(4, loop=True)).canvas
    middle = canvas.mean(dim=0)
    torch.testing.assert_close(around, torch.stack([canvas[0], middle, canvas[1], middle]))


def test_a_film_of_another_length_shows_what_is_rendered_of_it() -> None:
    film = da.stack.as_film(pictures(3), da.stack.Time(3, loop=True))
    torch.testing.assert_close(
        da.stack.as_film(film, da.stack.Time(12, loop=True)).image(), da.stack.render_film(film, 12)
    )


def test_surroundings_become_those_of_the_frames() -> None:
    around, mask = torch.rand(1, 3, 16, 24), torch.zeros(1, 16, 24)
    mask[:, 4:12, 6:18] = 1
    film = da.stack.as_film(pictures().place_into(around, mask), da.stack.Time(3))
    outside = mask.expand(3, 3, -1, -1) == 0
    assert torch.equal(film.image()[outside], around.expand(3, -1, -1, -1)[outside])


@each_case(("frames", "count"), (1, 1), (1, 4), (5, 1), (5, 2), (5, 7), (12, 48))
@each_case("loop", False, True)
def test_moments_are_even(frames: int, count: int, loop: bool) -> None:
    moments = find_moments(da.stack.Time(frames, loop=loop), count)
    places = [before + share for before, _, share in moments]
    end = frames if loop else frames - 1
    expected = [number * end / (count if loop else max(1, count - 1)) for number in range(count)]
    assert places == pytest.approx(expected)
    assert all(0 <= before < frames and 0 <= behind < frames and 0 <= share < 1 for before, behind, share in moments)


def test_pictures_frames_and_depths_become_depths() -> None:
    stack = pictures(3)
    for given in (
        stack,
        da.stack.as_film(stack, da.stack.Time(3)),
        da.stack.as_zoom(stack, da.stack.Zoom(3, factor=4.0)),
    ):
        assert torch.equal(da.stack.as_zoom(given, da.stack.Zoom(3)).canvas, stack.canvas)


def test_a_wider_margin_is_cut_off_with_the_levels_that_are_finer_than_what_is_left() -> None:
    stack = da.ImageStack.noise(da.StackSpec(64, 64, 24, levels=(1, 8, 80, 112)))
    zoom = da.stack.as_zoom(stack, da.stack.Zoom(2))
    assert (zoom.spec.margin, zoom.spec.levels) == (8, (1, 8, 80))
    assert torch.equal(zoom.canvas[:1], stack.canvas[:, :, 16:-16, 16:-16])
    # Where all levels are too fine, they become the finest that is left.
    assert da.stack.as_zoom(
        da.ImageStack.gray(da.StackSpec(64, 64, 24, levels=(112,))), da.stack.Zoom(2)
    ).spec.levels == (80,)


def test_what_cannot_be_a_zoom_is_refused() -> None:
    part = pictures(2).place_into(torch.rand(1, 3, 16, 24), torch.ones(1, 16, 24))
    for stack, says in (
        (part, "a zoom is no part of a picture"),
        (pictures(3), "3 pictures are no zoom of 2 depths; 1, which all start from, or 2 are"),
    ):
        with pytest.raises(ValueError, match=says):
            da.stack.as_zoom(stack, da.stack.Zoom(2))
