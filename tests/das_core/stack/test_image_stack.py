import pytest
import torch
import torch.nn.functional as F

from das_core.stack.decomposition import decompose, read_levels
from das_core.stack.image_stack import ImageStack, pull_back_gradient, render_pixels
from das_core.stack.levels import level_shape
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors

CPU = torch.device("cpu")


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


def test_grey_stack_is_grey() -> None:
    image = ImageStack.grey(StackSpec(64, 48, 8), 2).image()
    assert image.shape == (2, 3, 48, 64)
    assert torch.equal(image, torch.full_like(image, 0.5))


def test_default_levels_are_those_of_the_seed() -> None:
    assert StackSpec().resolutions == tuple(range(1, 334, 4))
    assert len(StackSpec().resolutions) == 84


def test_levels_follow_the_long_side() -> None:
    assert level_shape(8, (64, 128)) == (4, 8)
    assert level_shape(1, (64, 128)) == (1, 1)
    assert level_shape(128, (64, 128)) == (64, 128)


@pytest.mark.parametrize("color", ["rgb", "decorrelated"])
def test_a_start_image_is_shown_again(color: str) -> None:
    image = photograph(48, 64) * 0.9 + 0.05
    stack = ImageStack.from_image(StackSpec(64, 48, 16, color=color), image, contrast=1.0)  # type: ignore[arg-type]
    torch.testing.assert_close(stack.image(), image, rtol=0, atol=2e-5)


def test_a_start_image_is_repeated_over_the_batch() -> None:
    stack = ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32), 3)
    assert stack.batch == 3
    assert torch.equal(stack.image()[0], stack.image()[2])
    assert ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32, 5)).batch == 5
    with pytest.raises(ValueError, match="batch_size 2 does not go with 5 start images"):
        ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32, 5), 2)


@pytest.mark.parametrize("color", ["rgb", "decorrelated"])
def test_gradient_through_tanh_and_colours_is_that_of_autograd(color: str) -> None:
    canvas = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    shown = render_pixels(canvas, color)  # type: ignore[arg-type]
    (expected,) = torch.autograd.grad(shown, canvas, gradient)
    by_hand = pull_back_gradient(gradient, shown.detach(), color)  # type: ignore[arg-type]
    torch.testing.assert_close(by_hand, expected)


@pytest.mark.parametrize("method", ["spectral", "exact", "layers"])
@pytest.mark.parametrize("levels", [None, (1, 2, 4, 8, 16, 32, 80), (3, 80)])
def test_levels_of_any_canvas_sum_to_it(method: str, levels: tuple[int, ...] | None) -> None:
    spec = StackSpec(64, 48, 8, levels=levels, method=method)  # type: ignore[arg-type]
    stack = ImageStack.from_image(spec, photograph(48, 64))
    parts = decompose(stack).levels
    assert [part.shape[2:] for part in parts] == [torch.Size(level_shape(r, spec.canvas)) for r in spec.resolutions]
    summed = spec.operator(CPU, "layers").forward(LevelTensors(parts))
    error = (summed - stack.canvas).norm() / stack.canvas.norm()
    # Where the finest level is as fine as the canvas it takes up whatever is left, else what it can show of it.
    assert error < (1e-4 if spec.resolutions[-1] == 80 else 0.03)


def test_levels_that_were_not_moved_are_empty() -> None:
    stack = ImageStack.from_image(StackSpec(32, 32, 4), photograph(32, 32))
    assert all(float(part.abs().max()) == 0 for part in read_levels(stack))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"width": 8}, "width 8 is too small"),
        ({"height": 15}, "height 15 is too small"),
        ({"margin": -1}, "margin -1"),
        ({"method": "fast"}, "method 'fast' is unknown"),
        ({"levels": ()}, "levels is empty"),
        ({"levels": (1, 337)}, "level 337 is not between 1 and 336"),
        ({"levels": (0,)}, "level 0"),
        ({"levels": (1, 2), "gains": (1.0,)}, "2 numbers above 0"),
    ],
)
def test_bad_specs_are_named(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        StackSpec(**settings)  # type: ignore[arg-type]
