from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.stack.image_stack import ImageStack
from das_core.stack.pixels import crop_margin, render_pixels
from das_core.stack.render import render_stack
from das_core.stack.render_film import MOST_SHOWN, find_moments, render_film
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from stops import assert_ends_anywhere

SPEC = StackSpec(24, 16, 4, time=Time(5))


def film(*, loop: bool = False) -> ImageStack:
    return ImageStack.noise(replace(SPEC, time=Time(5, loop=loop)), decay=0.8)


@each_case("loop", [False, True])
def test_its_own_frames_are_rendered_bit_for_bit_and_between_them_the_canvas_is_interpolated(loop: bool) -> None:
    stack = film(loop=loop)
    assert torch.equal(render_film(stack), stack.image())
    # Every frame comes again among four times as many of a loop, and of 17 in place of 5 without one.
    more = render_film(stack, 20 if loop else 17)
    assert torch.equal(more[::4], stack.image())
    canvas = torch.cat([stack.canvas, stack.canvas[:1]]) if loop else stack.canvas
    middle = (canvas[:-1] + canvas[1:]) / 2
    expected = crop_margin(render_pixels(middle, SPEC.color), SPEC.margin)
    shown = render_film(stack, 10 if loop else 9)[1::2]
    torch.testing.assert_close(shown, expected, rtol=0, atol=1e-6)


def test_more_frames_at_another_scale_are_those_of_the_levels() -> None:
    stack = film()
    large = render_film(stack, 9, scale=2)
    assert large.shape == (9, 3, 32, 48)
    pictures = replace(stack, spec=replace(SPEC, time=None))
    torch.testing.assert_close(large[::2], render_stack(pictures, 2), rtol=0, atol=1e-5)


def test_surroundings_go_along() -> None:
    around, mask = torch.rand(5, 3, 16, 24), torch.zeros(1, 16, 24)
    mask[:, 4:12, 6:18] = 1
    stack = film().place_into(around, mask)
    shown = render_film(stack, 9)
    assert torch.equal(shown[::2], stack.image())
    torch.testing.assert_close(shown[1, :, :4], (around[0, :, :4] + around[1, :, :4]) / 2)


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


def test_a_film_of_one_frame_stands_still() -> None:
    stack = ImageStack.noise(replace(SPEC, time=Time(1)))
    assert torch.equal(render_film(stack, 3), stack.image().expand(3, -1, -1, -1))


def test_what_cannot_be_rendered_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the stack is no film.*time=Time\(12\)"):
        render_film(ImageStack.gray(replace(SPEC, time=None)))
    for frames in (0, -1, MOST_SHOWN + 1):
        with pytest.raises(ValueError, match=rf"^{frames} frames cannot be rendered; 1 to 65536 can"):
            render_film(film(), frames)
    with pytest.raises(ValueError, match=r"scale 99 is not between"):
        render_film(film(), 3, scale=99)


def test_many_frames_can_be_ended_every_few() -> None:
    assert assert_ends_anywhere(lambda: render_film(film(), 80)) >= 10
