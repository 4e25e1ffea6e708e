"""Stacks, films and zooms rendered at any size and at any moment."""

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from benchmarks.memory import PeakBytes
from cases import each_case, refuses
from das_core.ascent.sgd import SGD
from das_core.looks.cells import Cells
from das_core.looks.ink import Ink
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.pixels import crop_margin, render_pixels
from das_core.stack.render import MOST_SHOWN, estimate_render_bytes, render_film, render_stack, render_zoom, scale_size
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from stops import assert_ends_anywhere
from toys import climb

FILM = StackSpec(24, 16, 4, time=Time(5))
ZOOM = StackSpec(40, 32, 4, zoom=Zoom(3))
STACK = ImageStack.noise(ZOOM, seed=1)
LOOP = ImageStack.noise(replace(ZOOM, zoom=Zoom(3, loop=True)), seed=1)


def stack(levels: Any = None) -> ImageStack:
    """A stack that has climbed a little."""
    return climb(ImageStack.noise(StackSpec(32, 32, 8, levels)), steps=1, optimizer=SGD(0.5)).stack


@each_case("sizes", None, (1, 3, 20))
def test_a_larger_picture_is_the_sum_of_the_levels_resized_by_torch(sizes: tuple[int, ...] | None) -> None:
    made = stack(sizes)
    torch.testing.assert_close(render_stack(made, 1.0), made.image(), rtol=0, atol=1e-5)
    whole = decompose(made)
    levels = [whole.find_level(number) for number in range(len(made.spec.levels))]
    rest = made.canvas - torch.stack([whole.enlarge(*level) for level in enumerate(levels)]).sum(dim=0)
    resized = [F.interpolate(part, size=(96, 96), mode="bicubic") for part in (*levels, rest)]
    expected = ImageStack.from_canvas(StackSpec(64, 64, 16), torch.stack(resized).sum(dim=0)).image()
    larger = render_stack(made, 2.0)
    torch.testing.assert_close(larger, expected, rtol=0, atol=1e-5)
    # It is near to the resized picture, and another one.
    difference = (larger - F.interpolate(made.image(), scale_factor=2, mode="bicubic")).abs()
    assert difference.max() > 1e-3
    assert difference.mean() < 0.05


@each_case("scale", 0.05, 0.3, 1.37, 3.0)
def test_every_scale_gives_a_picture_of_its_size(scale: float) -> None:
    made = ImageStack.noise(StackSpec(40, 24, 5), 2)
    (height, width), _ = scale_size(made.spec, scale)
    image = render_stack(made, scale)
    assert image.shape == (2, 3, height, width)
    assert (height, width) == (max(1, round(24 * scale)), max(1, round(40 * scale)))
    assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_what_surrounds_a_part_grows_with_it() -> None:
    image, mask = torch.full((1, 3, 32, 32), 0.75), torch.zeros(1, 32, 32)
    mask[:, 8:24, 8:24] = 1
    made = stack()
    part = render_stack(made.place_into(image, mask), 2.0)
    # Away from the edge of the mask, which bicubic interpolation softens.
    torch.testing.assert_close(part[..., 20:44, 20:44], render_stack(made, 2.0)[..., 20:44, 20:44], rtol=0, atol=1e-5)
    torch.testing.assert_close(part[..., :12, :], torch.full((1, 3, 12, 64), 0.75), rtol=0, atol=1e-5)


def test_a_larger_tile_has_no_seams() -> None:
    made = ImageStack.noise(StackSpec(32, 32, 0, levels=(1, 4, 16), tile=True))
    rolled = ImageStack.from_canvas(made.spec, made.canvas.roll(16, dims=3))
    larger = render_stack(made, 2.0).roll(32, dims=3)
    torch.testing.assert_close(render_stack(rolled, 2.0), larger, rtol=0, atol=1e-4)


def test_a_smaller_picture_has_no_aliases() -> None:
    # Fine stripes average out to grey; sampled without a filter they would become coarse ones.
    stripes = torch.tensor([1.0, -1.0]).repeat(24).expand(1, 3, 48, 48)
    made = ImageStack.from_canvas(StackSpec(32, 32, 8, levels=(1, 48)), stripes)
    assert (render_stack(made, 1.0) - 0.5).abs().mean() > 0.1
    assert (render_stack(made, 0.3) - 0.5).abs().mean() < 0.02


@each_case("scale", 0.5, 3.0, 8.0)
def test_the_estimate_is_within_a_factor_of_two(scale: float) -> None:
    # Levels of this test alone, so that its operator is not taken from the cache.
    with PeakBytes() as made:
        stack = ImageStack.noise(StackSpec(96, 96, 16, levels=tuple(range(2, 129, 4))))
        render_stack(stack, scale)
    assert made.peak / 2.5 < estimate_render_bytes(stack, scale) < 2.5 * made.peak


def film(*, loop: bool = False) -> ImageStack:
    return ImageStack.noise(replace(FILM, time=Time(5, loop=loop)), decay=0.8)


@each_case("loop", False, True)
def test_its_own_frames_are_rendered_bit_for_bit_and_between_them_the_canvas_is_interpolated(loop: bool) -> None:
    stack = film(loop=loop)
    assert torch.equal(render_film(stack), stack.image())
    # Every frame comes again among four times as many of a loop, and of 17 in place of 5 without one.
    more = render_film(stack, 20 if loop else 17)
    assert torch.equal(more[::4], stack.image())
    canvas = torch.cat([stack.canvas, stack.canvas[:1]]) if loop else stack.canvas
    expected = crop_margin(render_pixels((canvas[:-1] + canvas[1:]) / 2, FILM.color), FILM.margin)
    torch.testing.assert_close(more[2::4], expected, rtol=0, atol=1e-6)


def test_more_frames_at_another_scale_are_those_of_the_levels() -> None:
    large = render_film(film(), 9, scale=2)
    assert large.shape == (9, 3, 32, 48)
    pictures = replace(film(), spec=replace(FILM, time=None))
    torch.testing.assert_close(large[::2], render_stack(pictures, 2), rtol=0, atol=1e-5)


def test_surroundings_go_along() -> None:
    around, mask = torch.rand(5, 3, 16, 24), torch.zeros(1, 16, 24)
    mask[:, 4:12, 6:18] = 1
    stack = film().place_into(around, mask)
    shown = render_film(stack, 9)
    assert torch.equal(shown[::2], stack.image())
    torch.testing.assert_close(shown[1, :, :4], (around[0, :, :4] + around[1, :, :4]) / 2)


def test_many_frames_can_be_ended_every_few() -> None:
    assert assert_ends_anywhere(lambda: render_film(film(), 80)) >= 10


def test_frames_go_from_depth_to_depth_at_a_constant_rate_and_back() -> None:
    assert torch.equal(render_zoom(STACK, [0, 1, 2]), STACK.image())
    assert torch.equal(render_zoom(STACK, 3), STACK.image())
    assert torch.equal(render_zoom(LOOP, 3), LOOP.image())
    frames = render_zoom(STACK, 9)
    assert torch.equal(frames, render_zoom(STACK, [number / 4 for number in range(9)]))
    assert torch.equal(render_zoom(STACK, 9, out=True), frames.flip(0))
    around = render_zoom(LOOP, 12)
    assert torch.equal(render_zoom(LOOP, 12, out=True), torch.cat([around[:1], around[1:].flip(0)]))
    assert render_zoom(STACK, 1).shape == (1, 3, 32, 40)


def test_a_zoom_is_rendered_larger_with_all_that_lies_in_it() -> None:
    torch.testing.assert_close(render_stack(STACK, 1.0), STACK.image(), rtol=0, atol=1e-4)
    assert torch.equal(render_stack(STACK, 2.0), render_zoom(STACK, 3, scale=2.0))
    assert render_stack(STACK, 0.05).shape == (3, 3, 2, 2)


test_what_is_no_film_or_zoom_or_no_moment_of_it_is_refused = refuses(
    lambda render, stack, frames: render(stack, frames),
    (render_film, ImageStack.gray(replace(FILM, time=None)), 2, r"the stack is no film.*time=Time\(12\)"),
    (render_film, film(), 0, "^frames 0 is not a whole number from 1 to 65536"),
    (render_film, film(), MOST_SHOWN + 1, "^frames 65537 is not"),
    (render_zoom, ImageStack.gray(StackSpec(32, 32, 8)), 24, "the stack is no zoom: its images lie side by side"),
    (render_zoom, STACK, 0, "frames 0 is not"),
    (render_zoom, STACK, [0.0] * (MOST_SHOWN + 1), "frames 65537 is not"),
    (render_zoom, STACK, [2.1], "moment 2.1 is not between 0 and 2"),
    (render_zoom, STACK, [-0.1], "moment -0.1 is not"),
    (render_zoom, STACK, [float("nan")], "moment nan is not"),
)


@each_case("scale", 0.049, 32.1, float("nan"))
@each_case(("render", "stack"), (render_stack, STACK), (render_film, film()), (render_zoom, STACK))
def test_bad_scales_are_named(render: Callable[..., object], stack: ImageStack, scale: float) -> None:
    with pytest.raises(ValueError, match=r"scale .* is not between 0.05 and 32; 2 is twice the size"):
        render(stack, scale=scale)


@each_case(("sides", "frames", "scale"), ((60, 36), 6, 1.0), ((36, 60), 40, 1.0), ((60, 36), 6, 3.0))
def test_the_estimate_of_memory_is_no_less_than_what_is_used(sides: tuple[int, int], frames: int, scale: float) -> None:
    zoom, film = (
        ImageStack.noise(StackSpec(*sides, 8, zoom=zoom, time=time))
        for zoom, time in ((Zoom(3), None), (None, Time(3)))
    )
    for made, render in ((zoom, render_zoom), (film, render_film)):
        with PeakBytes() as peak:
            render(made, frames, scale=scale)
        assert peak.peak < estimate_render_bytes(made, scale, frames) < 6 * peak.peak


def count_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def test_nothing_of_a_film_is_kept_when_it_is_rendered() -> None:
    stack = ImageStack.noise(StackSpec(36, 28, 4, zoom=Zoom(3)))
    stack.image()
    before = count_tensors()
    assert len(render_zoom(stack, 40)) == 40
    assert count_tensors() == before


def test_a_look_is_shown_at_every_size_in_every_frame_and_inside_a_photograph() -> None:
    spec = StackSpec(width=64, height=48, margin=4, look=Cells(12, 6))
    large = render_stack(ImageStack.noise(spec), 3)
    blocks = large.unfold(2, 12, 12).unfold(3, 12, 12)
    assert torch.equal(blocks, blocks[..., :1, :1].expand_as(blocks))
    film = ImageStack.noise(replace(spec, time=Time(3)))
    for frames in (film.image(), render_film(film, 7), render_film(film, 2, 2)):
        assert frames.transpose(0, 1).flatten(1).unique(dim=1).shape[1] <= 6
    zoom = ImageStack.noise(replace(spec, look=Ink(), zoom=Zoom(2)))
    assert render_zoom(zoom, 3).transpose(0, 1).flatten(1).unique(dim=1).shape[1] == 2
    photo, mask = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 48, 64)
    mask[:, 12:36, 16:48] = 1
    inside = ImageStack.noise(spec).place_into(photo, mask).image()
    assert torch.equal(inside[:, :, mask[0] == 0], photo[:, :, mask[0] == 0])
    assert inside[0][:, mask[0] == 1].unique(dim=1).shape[1] <= 6
