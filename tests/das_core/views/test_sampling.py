import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cases import each_case
from das_core.views.sampling import (
    LEAST_SHRINKING,
    Pyramid,
    Window,
    choose_reduction,
    crop_and_resize,
    linear_resize_matrix,
    resize_adjoint,
)
from toys import draw

SIDES = st.integers(1, 90)

# Inside, at the far corner, over the bottom, over the right, over both, as large as the canvas and around it.
WINDOWS: list[Window] = [
    (5, 6, 20),
    (16, 32, 24),
    (30, 10, 24),
    (3, 50, 24),
    (30, 50, 24),
    (0, 0, 40),
    (39, 55, 40),
    (39, 55, 1),
]
ITEMS = [0, 1, 0, 1, 1, 0, 1, 0]


def cut_by_torch(canvas: Tensor, size: int) -> Tensor:
    """The views of `WINDOWS`: roll the canvas until the window is in its corner, cut, let torch resize."""
    views = []
    for (top, left, side), item in zip(WINDOWS, ITEMS, strict=True):
        window = canvas[item : item + 1].roll((-top, -left), (2, 3))[:, :, :side, :side]
        views.append(F.interpolate(window, size=(size, size), mode="bilinear", antialias=True))
    return torch.cat(views)


@each_case("size", 1, 7, 20, 24, 33, 50)
def test_views_are_windows_resized_by_torch_also_across_the_edges_and_so_is_their_gradient(size: int) -> None:
    canvas, weights = draw(2, 3, 40, 56), draw(len(WINDOWS), 3, size, size, seed=1)
    views = crop_and_resize(canvas, WINDOWS, ITEMS, size)
    torch.testing.assert_close(views, cut_by_torch(canvas, size), rtol=0, atol=1e-5)
    same = WINDOWS[2]
    assert torch.equal(crop_and_resize(canvas, [same], [0], 24), canvas[:1].roll((-30, -10), (2, 3))[..., :24, :24])
    gradients = []
    for cut in (cut_by_torch, *[lambda canvas, size: crop_and_resize(canvas, WINDOWS, ITEMS, size)] * 2):
        leaf = canvas.clone().requires_grad_()
        (cut(leaf, size) * weights).sum().backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    theirs, ours, again = gradients
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours, again)


def test_every_view_needs_a_window() -> None:
    with pytest.raises(ValueError, match="zip"):
        crop_and_resize(torch.zeros(1, 3, 8, 8), [(0, 0, 4)], [0, 0], 4)


@given(SIDES, SIDES)
def test_the_matrix_is_the_symmetric_mean_of_samples_that_torch_takes_and_the_adjoint_its_transpose(
    source: int, target: int
) -> None:
    resize = linear_resize_matrix(source, target, torch.device("cpu"))
    images = torch.randn(2, target, target, generator=torch.Generator().manual_seed(source))
    torch.testing.assert_close(
        resize_adjoint(images, (source, source)), resize.T @ images @ resize, rtol=1e-3, atol=1e-4
    )
    image = torch.randn(1, 2, source, source, generator=torch.Generator().manual_seed(source))
    expected = F.interpolate(image, size=(target, target), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(resize @ image @ resize.T, expected, rtol=0, atol=1e-4)
    assert resize.shape == (target, source)
    assert float(resize.min()) >= 0
    torch.testing.assert_close(resize.sum(dim=1), torch.ones(target))
    torch.testing.assert_close(resize.flip(0, 1), resize, rtol=0, atol=2e-5)


def test_the_adjoint_of_a_long_axis_is_prepared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("das_core.views.sampling._MOST_AT_ONCE", 5000)
    generator = torch.Generator().manual_seed(0)
    # Sides that no other test has, so that nothing is taken from a cache.
    pixels = torch.rand(1, 2, 1009, 1013, generator=generator, requires_grad=True)
    gradient = torch.rand(1, 2, 227, 229, generator=generator)
    F.interpolate(pixels, size=(227, 229), mode="bilinear", antialias=True).backward(gradient)
    assert pixels.grad is not None
    torch.testing.assert_close(resize_adjoint(gradient[0], (1009, 1013)), pixels.grad[0], rtol=1e-4, atol=1e-6)


# Small, three to six times the view, more than that, over the far edges.
WIDE_WINDOWS: list[Window] = [(3, 5, 20), (10, 20, 60), (0, 0, 120), (7, 31, 100), (110, 150, 90), (119, 159, 31)]
WIDE_ITEMS = [1, 0, 1, 1, 2, 0]
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
    views = Pyramid(pixels).crop(WIDE_WINDOWS, WIDE_ITEMS, SIZE)
    assert not views.requires_grad
    expected = crop_and_resize(pixels, WIDE_WINDOWS, WIDE_ITEMS, SIZE)
    assert views.shape == expected.shape
    # A window is rounded to the pixels of the reduced canvas, which shifts it by up to 3 of its 60 to 120 pixels; the
    # steepest wave changes by 0.16 on that way.
    assert float((views - expected).abs().max()) < 0.16
    assert float((views - expected).square().mean().sqrt()) < 0.04


def test_the_gradient_is_the_adjoint_and_repeats_its_bits() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(3, 3, 121, 163, generator=generator)
    weights = torch.randn(len(WIDE_WINDOWS), 3, SIZE, SIZE, generator=generator)
    gradients = []
    for _ in range(2):
        pyramid = Pyramid(pixels.clone().requires_grad_())
        views = pyramid.crop(WIDE_WINDOWS, WIDE_ITEMS, SIZE)
        views.backward(weights)
        gradient = pyramid.take_gradient()
        # <A x, y> = <x, A* y>.
        torch.testing.assert_close((views * weights).sum(), (pixels * gradient).sum(), rtol=1e-4, atol=1e-2)
        gradients.append(gradient)
    assert torch.equal(*gradients)


def test_the_gradients_of_chunks_add_up_are_taken_once_and_are_0_where_no_view_looks() -> None:
    pyramid = Pyramid(paint(120, 160).requires_grad_())
    pyramid.crop(WIDE_WINDOWS, WIDE_ITEMS, SIZE).square().sum().backward()
    whole = pyramid.take_gradient()
    for begin in (0, 2, 4):
        pyramid.crop(WIDE_WINDOWS[begin : begin + 2], WIDE_ITEMS[begin : begin + 2], SIZE).square().sum().backward()
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
