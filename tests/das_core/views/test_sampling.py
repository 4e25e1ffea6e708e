import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cases import each_case
from das_core.views.sampling import Window, crop_and_resize, linear_resize_matrix, resize_adjoint
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
