import numpy as np
import pytest
import torch

from cases import each_case
from das_core.stack.color import ColorSpace, from_rgb, gradient_from_rgb, to_rgb

SPACES: tuple[ColorSpace, ...] = ("decorrelated", "rgb")
# lucid/optvis/param/color.py: the root of the covariance, divided by the largest norm of a column.
ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
MATRIX = ROOT / np.sqrt((ROOT**2).sum(axis=0)).max()


def canvas(dtype: torch.dtype = torch.float64, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, 4, 5, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_decorrelated_colours_are_those_of_lucid() -> None:
    x = canvas()
    expected = np.array([[MATRIX @ x[b, :, i, :].numpy() for i in range(4)] for b in range(2)]).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(to_rgb(x, "decorrelated").numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_first_channel_is_nearly_grey_and_the_strongest() -> None:
    unit = torch.eye(3, dtype=torch.float64).reshape(3, 3, 1, 1)
    norms = to_rgb(unit, "decorrelated").flatten(1).norm(dim=1)
    assert norms.argmax() == 0
    assert float(norms[0]) == pytest.approx(1, abs=1e-6)
    first = to_rgb(unit, "decorrelated")[0].flatten()
    assert float(first.std() / first.mean()) < 0.03


@each_case("space", SPACES)
@each_case(("dtype", "error"), [(torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_the_inverse_is_one(space: ColorSpace, dtype: torch.dtype, error: float) -> None:
    x = canvas(dtype)
    for there_and_back in (from_rgb(to_rgb(x, space), space), to_rgb(from_rgb(x, space), space)):
        assert there_and_back.dtype == dtype
        torch.testing.assert_close(there_and_back, x, rtol=error, atol=error)


@each_case("space", SPACES)
def test_gradient_is_that_of_autograd_and_the_transpose(space: ColorSpace) -> None:
    x = canvas().requires_grad_()
    gradient = canvas().flip(2)
    (expected,) = torch.autograd.grad(to_rgb(x, space), x, gradient)
    torch.testing.assert_close(gradient_from_rgb(gradient, space), expected)
    x, y = canvas(), canvas().flip(3)
    torch.testing.assert_close((to_rgb(x, space) * y).sum(), (x * gradient_from_rgb(y, space)).sum())


def test_rgb_is_left_alone() -> None:
    x = canvas()
    assert to_rgb(x, "rgb") is x
    assert from_rgb(x, "rgb") is x
    assert gradient_from_rgb(x, "rgb") is x


@each_case("space", SPACES)
def test_nothing_is_mutated(space: ColorSpace) -> None:
    x = canvas()
    before = x.clone()
    for function in (to_rgb, from_rgb, gradient_from_rgb):
        function(x, space)
    assert torch.equal(x, before)


@each_case("function", [to_rgb, from_rgb, gradient_from_rgb])
def test_other_spaces_are_refused(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="color 'lab' is unknown; choose one of decorrelated, rgb"):
        function(canvas(), "lab")
