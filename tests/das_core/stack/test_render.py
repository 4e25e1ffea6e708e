from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.sgd import SGD
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.render import estimate_render_bytes, render_stack, scale_size
from das_core.stack.spec import StackSpec
from toys import climb


def stack(**spec: object) -> ImageStack:
    """A stack that has climbed a little."""
    return climb(ImageStack.noise(StackSpec(32, 32, 8, **spec)), steps=2, optimizer=SGD(0.5)).stack  # type: ignore[arg-type]


@each_case("levels", [None, (1, 3, 20), (1, 4, 16, 48)])
def test_at_its_own_size_a_stack_renders_as_its_picture(levels: tuple[int, ...] | None) -> None:
    made = stack(levels=levels)
    torch.testing.assert_close(render_stack(made, 1.0), made.image(), rtol=0, atol=1e-5)


@each_case("levels", [None, (1, 3, 20)])
def test_a_larger_picture_is_the_sum_of_the_levels_resized_by_torch_and_only_near_to_the_resized_picture(
    levels: tuple[int, ...] | None,
) -> None:
    made = stack(levels=levels)
    whole = decompose(made)
    canvas = sum(F.interpolate(part, size=(96, 96), mode="bicubic") for part in (*whole.levels, whole.rest))
    expected = ImageStack.from_canvas(StackSpec(64, 64, 16), canvas).image()  # type: ignore[arg-type]
    larger = render_stack(made, 2.0)
    torch.testing.assert_close(larger, expected, rtol=0, atol=1e-5)
    difference = (larger - F.interpolate(made.image(), scale_factor=2, mode="bicubic")).abs()
    assert difference.max() > 1e-3
    assert difference.mean() < 0.05


@each_case("scale", [0.05, 0.3, 0.5, 1.37, 3.0])
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
    stripes = torch.zeros(1, 3, 48, 48)
    stripes[..., ::2] = 1
    stripes[..., 1::2] = -1
    made = ImageStack.from_canvas(StackSpec(32, 32, 8, levels=(1, 48)), stripes)
    assert (render_stack(made, 1.0) - 0.5).abs().mean() > 0.1
    assert (render_stack(made, 0.3) - 0.5).abs().mean() < 0.02


def test_coarse_levels_are_smooth_at_any_size() -> None:
    made = ImageStack.noise(StackSpec(32, 32, 8, levels=(1, 4)), decay=1.0)
    rows = [render_stack(made, scale)[0, 0, :, 0].numpy() for scale in (2, 4, 8)]
    steps = [np.abs(np.diff(row)).max() for row in rows]
    for coarse, fine in pairwise(steps):
        assert fine < 0.6 * coarse


@each_case("scale", [0.0, -1.0, 33.0, float("nan"), float("inf")])
def test_bad_scales_are_named(scale: float) -> None:
    with pytest.raises(ValueError, match=r"scale .* is not between 0.05 and 32; 2 is twice the size"):
        render_stack(stack(), scale)


@each_case("scale", [0.5, 3.0, 8.0])
def test_the_estimate_is_within_a_factor_of_two(scale: float) -> None:
    # Levels of this test alone, so that its operator is not taken from the cache.
    with PeakBytes() as made:
        stack = ImageStack.noise(StackSpec(96, 96, 16, levels=tuple(range(2, 129, 4))))
        render_stack(stack, scale)
    assert made.peak / 2.5 < estimate_render_bytes(stack, scale) < 2.5 * made.peak
