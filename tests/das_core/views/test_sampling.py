import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cases import each_case
from das_core.views.sampling import Window, crop_and_resize, linear_resize_matrix, resize_adjoint

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


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cut_by_torch(canvas: Tensor, size: int) -> Tensor:
    """The views of `WINDOWS`: roll the canvas until the window is in its corner, cut, let torch resize."""
    views = []
    for (top, left, side), item in zip(WINDOWS, ITEMS, strict=True):
        window = canvas[item : item + 1].roll((-top, -left), (2, 3))[:, :, :side, :side]
        views.append(F.interpolate(window, size=(size, size), mode="bilinear", antialias=True))
    return torch.cat(views)


@each_case("size", [1, 7, 8, 20, 24, 33, 50])
def test_views_are_windows_resized_by_torch_also_across_the_edges_and_so_is_their_gradient(size: int) -> None:
    canvas, weights = noise(2, 3, 40, 56), noise(len(WINDOWS), 3, size, size, seed=1)
    views = crop_and_resize(canvas, WINDOWS, ITEMS, size)
    torch.testing.assert_close(views, cut_by_torch(canvas, size), rtol=0, atol=1e-5)
    gradients = []
    for cut in (cut_by_torch, *[lambda canvas, size: crop_and_resize(canvas, WINDOWS, ITEMS, size)] * 2):
        leaf = canvas.clone().requires_grad_()
        (cut(leaf, size) * weights).sum().backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    theirs, ours, again = gradients
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours, again)
    # <A x, y> = <x, A* y>.
    torch.testing.assert_close((views * weights).sum(), (canvas * ours).sum(), rtol=1e-4, atol=1e-2)


def test_windows_of_the_right_size_are_only_cut_out_and_their_gradients_added_up_where_they_lie() -> None:
    canvas = noise(1, 3, 40, 56)
    view = crop_and_resize(canvas, [(30, 50, 24)], [0], 24)
    assert torch.equal(view, canvas.roll((-30, -50), (2, 3))[:, :, :24, :24])
    canvas = torch.zeros(3, 2, 10, 10, requires_grad=True)
    crop_and_resize(canvas, [(0, 0, 4), (2, 2, 4), (8, 8, 4)], [1, 1, 1], 4).sum().backward()
    expected = torch.zeros(10, 10)
    expected[0:4, 0:4] += 1
    expected[2:6, 2:6] += 1
    for rows in (slice(8, 10), slice(0, 2)):
        for columns in (slice(8, 10), slice(0, 2)):
            expected[rows, columns] += 1
    assert canvas.grad is not None
    assert torch.equal(canvas.grad[1], expected.expand(2, -1, -1))
    # No view shows the others.
    assert not canvas.grad[[0, 2]].any()


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


@each_case(("source", "target"), [(48, 16), (16, 48), (31, 31), (90, 1), (1, 90)])
def test_the_adjoint_of_resizing_is_the_gradient_of_torch(source: int, target: int) -> None:
    image, weights = noise(1, 3, source, source).requires_grad_(), noise(3, target, target, seed=1)
    F.interpolate(image, size=(target, target), mode="bilinear", antialias=True).backward(weights[None])
    assert image.grad is not None
    torch.testing.assert_close(resize_adjoint(weights, (source, source)), image.grad[0], rtol=1e-4, atol=1e-4)


def test_the_adjoint_of_a_long_axis_is_prepared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("das_core.views.sampling._MOST_AT_ONCE", 5000)
    generator = torch.Generator().manual_seed(0)
    # Sides that no other test has, so that nothing is taken from a cache.
    pixels = torch.rand(1, 2, 1009, 1013, generator=generator, requires_grad=True)
    gradient = torch.rand(1, 2, 227, 229, generator=generator)
    F.interpolate(pixels, size=(227, 229), mode="bilinear", antialias=True).backward(gradient)
    assert pixels.grad is not None
    torch.testing.assert_close(resize_adjoint(gradient[0], (1009, 1013)), pixels.grad[0], rtol=1e-4, atol=1e-6)
