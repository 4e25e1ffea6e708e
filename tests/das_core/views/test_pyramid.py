import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cases import each_case
from das_core.views.pyramid import LEAST_SHRINKING, Pyramid, choose_reduction
from das_core.views.sampling import Window, crop_and_resize

# Small, three to six times the view, more than that, over the far edges.
WINDOWS: list[Window] = [(3, 5, 20), (10, 20, 60), (0, 0, 120), (7, 31, 100), (110, 150, 90), (119, 159, 31)]
ITEMS = [1, 0, 1, 1, 2, 0]
SIZE = 16


def paint(height: int, width: int) -> Tensor:
    """Smooth pictures (3, 3, height, width), 0..1, that go on at the opposite edge: a wave each."""
    down, right = torch.arange(height)[:, None] / height, torch.arange(width) / width
    waves = [torch.sin(2 * torch.pi * (a * down + b * right)) for a, b in [(1, 0), (0, 1), (1, 1), (1, -1), (2, 0)]]
    return torch.stack([waves[number % 5] for number in range(9)]).reshape(3, 3, height, width) / 2 + 0.5


@given(st.integers(1, 5000), st.integers(1, 600))
def test_a_window_keeps_being_shrunk_by_what_the_views_need(side: int, size: int) -> None:
    reduction = choose_reduction(side, size)
    assert reduction == 1 or side / reduction >= LEAST_SHRINKING * size
    assert side / reduction < 2 * LEAST_SHRINKING * size


@each_case(("height", "width"), (120, 160), (123, 161))
def test_windows_show_what_they_would_show_directly_across_the_edges_too_and_need_no_gradient(
    height: int, width: int
) -> None:
    pixels = paint(height, width)
    below_three_views: list[Window] = [(0, 0, 3 * SIZE - 1), (100, 20, 16), (5, 6, 7)]
    small = Pyramid(pixels).crop(below_three_views, [0, 1, 2], SIZE)
    assert torch.equal(small, crop_and_resize(pixels, below_three_views, [0, 1, 2], SIZE))
    views = Pyramid(pixels).crop(WINDOWS, ITEMS, SIZE)
    assert not views.requires_grad
    expected = crop_and_resize(pixels, WINDOWS, ITEMS, SIZE)
    assert views.shape == expected.shape
    # A window is rounded to the pixels of the reduced canvas, which shifts it by up to 3 of its 60 to 120 pixels; the
    # steepest wave changes by 0.16 on that way.
    assert float((views - expected).abs().max()) < 0.16
    assert float((views - expected).square().mean().sqrt()) < 0.04


def test_the_gradient_is_the_adjoint_and_repeats_its_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(3, 3, 121, 163, generator=generator)
    weights = torch.randn(len(WINDOWS), 3, SIZE, SIZE, generator=generator)
    gradients = []
    for _ in range(2):
        pyramid = Pyramid(pixels.clone().requires_grad_())
        views = pyramid.crop(WINDOWS, ITEMS, SIZE)
        views.backward(weights)
        gradient = pyramid.take_gradient()
        # <A x, y> = <x, A* y>.
        torch.testing.assert_close((views * weights).sum(), (pixels * gradient).sum(), rtol=1e-4, atol=1e-2)
        gradients.append(gradient)
    assert torch.equal(*gradients)


def test_the_gradients_of_chunks_add_up_are_taken_once_and_are_0_where_no_view_looks() -> None:
    pyramid = Pyramid(paint(120, 160).requires_grad_())
    pyramid.crop(WINDOWS, ITEMS, SIZE).square().sum().backward()
    whole = pyramid.take_gradient()
    for begin in (0, 2, 4):
        pyramid.crop(WINDOWS[begin : begin + 2], ITEMS[begin : begin + 2], SIZE).square().sum().backward()
    torch.testing.assert_close(pyramid.take_gradient(), whole)
    assert not pyramid.take_gradient().any()
    pyramid = Pyramid(torch.zeros(4, 1, 96, 96, requires_grad=True))
    pyramid.crop([(0, 0, 96), (0, 0, 10)], [2, 1], 8).sum().backward()
    assert [bool(image.any()) for image in pyramid.take_gradient()] == [False, True, True, False]


def test_some_canvases_of_a_batch_keep_their_numbers() -> None:
    pixels = paint(120, 160)
    some = Pyramid(pixels[[0, 2]].requires_grad_(), items=[0, 2])
    whole = Pyramid(pixels.requires_grad_())
    windows, items = [(3, 5, 20), (0, 0, 120), (7, 31, 100)], [2, 0, 2]
    views = [pyramid.crop(windows, items, SIZE) for pyramid in (some, whole)]
    assert torch.equal(*views)
    for view in views:
        view.square().sum().backward()
    assert torch.equal(some.take_gradient(), whole.take_gradient()[[0, 2]])
