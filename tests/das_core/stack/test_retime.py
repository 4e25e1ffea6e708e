"""Stacks as films: pictures spread over the frames, films of other lengths, and what goes along."""

from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.render_film import render_film
from das_core.stack.retime import as_film
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time

SPEC = StackSpec(24, 16, 4)


def pictures(count: int) -> ImageStack:
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


def test_surroundings_go_along() -> None:
    around, mask = torch.rand(1, 3, 16, 24), torch.zeros(1, 16, 24)
    mask[:, 4:12, 6:18] = 1
    film = as_film(pictures(1).place_into(around, mask), Time(3))
    outside = mask.expand(3, 3, -1, -1) == 0
    assert torch.equal(film.image()[outside], around.expand(3, -1, -1, -1)[outside])


def test_levels_as_tensors_make_no_film() -> None:
    with pytest.raises(ValueError, match="does not keep its levels as tensors; choose the method spectral or exact"):
        as_film(ImageStack.gray(replace(SPEC, method="layers")), Time(3))
