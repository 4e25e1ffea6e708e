"""How the depths of a zoom lie in each other: against torch's resizing and autograd, no jumps, and what cannot be."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core.ascent.preparation import prepare_stack
from das_core.stack.zoom import ZoomOperator, zoom_margin
from toys import draw

SPEC = da.StackSpec(32, 24, 4, zoom=da.stack.Zoom(3))
ZOOMS = [
    (da.stack.Zoom(3, 2.0), (24, 32), 4),
    (da.stack.Zoom(4, 2.7), (21, 25), 4),
    (da.stack.Zoom(2, 2.5, loop=True), (24, 31), 5),
]


def make_spec(**settings: Any) -> da.StackSpec:
    return replace(SPEC, **settings)


def test_layers_go_from_the_depth_that_covers_all_to_the_last_and_around_a_loop() -> None:
    assert [depth for depth, _, _ in da.stack.Zoom(4).find_layers(2.0, (48, 48), 8)] == [0, 1, 2, 3]
    assert [depth for depth, _, _ in da.stack.Zoom(4).find_layers(2.9, (48, 48), 8)] == [1, 2, 3]
    layers = da.stack.Zoom(2, loop=True).find_layers(1.9, (48, 48), 8)
    assert [depth for depth, _, _ in layers] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert [fills for _, _, fills in layers] == [True] + [False] * 7
    assert [scale for _, scale, _ in layers] == pytest.approx([2**1.9 / 2**number for number in range(8)])


@each_case(("size", "margin"), ((32, 24), 4), ((224, 160), 20), ((1024, 768), 56))
def test_the_margin_that_suits_fits_every_factor(size: tuple[int, int], margin: int) -> None:
    assert zoom_margin(*size) == margin
    da.StackSpec(*size, margin, zoom=da.stack.Zoom(2, factor=1.5 if margin == 4 else 1.34))


test_a_zoom_that_cannot_be_is_refused = refuses(
    lambda make, settings: make(**settings),
    (da.stack.Zoom, {"depths": 1}, "depths 1 is not a whole number from 2 to 32"),
    (da.stack.Zoom, {"depths": 33}, "depths 33 is not"),
    (da.stack.Zoom, {"depths": 2.0}, "depths 2.0 is not"),
    (da.stack.Zoom, {"depths": 3, "factor": 1.24}, r"factor 1.24 is not between 1.25 and 8"),
    (da.stack.Zoom, {"depths": 3, "factor": 8.1}, r"factor 8.1 is not between"),
    (da.stack.Zoom, {"depths": 3, "loop": "yes"}, r"loop yes is neither on nor off"),
    (make_spec, {"margin": 3}, "a margin of 3 pixels is too narrow for a zoom"),
    (make_spec, {"margin": 0, "tile": True}, "a zoom cannot be a tile"),
    (make_spec, {"time": da.stack.Time(3)}, "a zoom cannot be a film"),
    (make_spec, {"zoom": da.stack.Zoom(3, factor=1.3)}, "at factor 1.3 a depth and its margin of 4 .* at least 1.34"),
)


def test_a_zoom_has_no_bound() -> None:
    with pytest.raises(ValueError, match=r"a bound .* does not go with a zoom; leave one out"):
        prepare_stack(da.ImageStack.gray(SPEC), da.ascent.NormalizedAscent(), da.Within(0.1))


def soften(canvas: tuple[int, int], margin: int, side: tuple[int, int]) -> Tensor:
    """The mask of a depth that was resized to `side`, pixel by pixel."""
    rows, columns = side
    mask = torch.zeros(side)
    for row in range(rows):
        for column in range(columns):
            down = ((row + 0.5) / rows - 0.5) * canvas[0] / (canvas[0] / 2 - margin)
            right = ((column + 0.5) / columns - 0.5) * canvas[1] / (canvas[1] / 2 - margin)
            edge = min(canvas[0] / (canvas[0] - 2 * margin), canvas[1] / (canvas[1] - 2 * margin))
            beyond = (math.hypot(down, right) - 0.6) / (edge - 0.6)
            mask[row, column] = (1 + math.cos(math.pi * min(1.0, max(0.0, beyond)))) / 2
    return mask


def test_depths_are_resized_as_torch_does_and_laid_on_each_other() -> None:
    canvas, margin = (48, 64), 8
    depths = draw(3, 3, *canvas)
    seen = ZoomOperator(da.stack.Zoom(3, 2.0), canvas, margin).forward(depths, [0.0, 1.0])

    def lay(under: Tensor, depth: int, rows: int, columns: int) -> None:
        small = F.interpolate(depths[depth][None], size=(rows, columns), mode="bicubic", antialias=True)[0]
        middle = (slice(24 - rows // 2, 24 + rows // 2), slice(32 - columns // 2, 32 + columns // 2))
        under[:, *middle] = torch.lerp(under[:, *middle], small, soften(canvas, margin, (rows, columns)))

    expected = depths[0].clone()
    lay(expected, 1, 24, 32)
    lay(expected, 2, 12, 16)
    torch.testing.assert_close(seen[0], expected, rtol=0, atol=1e-5)
    # At its own moment a depth lies on the enlarged one that holds it, and holds the next.
    around = F.interpolate(depths[0][None], scale_factor=2, mode="bicubic", antialias=True)[0][:, 24:72, 32:96]
    expected = torch.lerp(around, depths[1], soften(canvas, margin, canvas))
    lay(expected, 2, 24, 32)
    torch.testing.assert_close(seen[1], expected, rtol=0, atol=1e-5)


@each_case(("zoom", "canvas", "margin"), *ZOOMS)
def test_the_adjoint_is_that_of_autograd_and_each_pixel_a_mean_of_depths(
    zoom: da.stack.Zoom, canvas: tuple[int, int], margin: int
) -> None:
    operator = ZoomOperator(zoom, canvas, margin)
    moments = [0.0, 0.3, 1.0, 1.5, float(zoom.end)] if zoom.end > 1 else [0.0, 0.3, 1.0]
    depths = draw(zoom.depths, 3, *canvas).requires_grad_()
    gradient = draw(len(moments), 3, *canvas, seed=1)
    (operator.forward(depths, moments) * gradient).sum().backward()
    assert depths.grad is not None
    torch.testing.assert_close(operator.adjoint(gradient, moments), depths.grad, rtol=1e-4, atol=1e-5)
    assert all(bool(depth.any()) for depth in depths.grad)
    seen = operator.forward(torch.ones(zoom.depths, 1, *canvas), zoom.moments)
    torch.testing.assert_close(seen, torch.ones_like(seen), rtol=0, atol=1e-6)


def test_a_depth_has_the_bits_of_its_canvas_where_nothing_lies_in_it() -> None:
    canvas, margin = (40, 48), 4
    depths = draw(4, 3, *canvas)
    seen = ZoomOperator(da.stack.Zoom(4, 2.5), canvas, margin).forward(depths, [0.0, 1.0, 2.0, 3.0])
    # Between the edge of the next depth and where its own begins.
    down, right = (torch.arange(40) - 19.5) / 16, (torch.arange(48) - 23.5) / 20
    away = torch.hypot(down[:, None], right)
    picture, alone = away < 0.6, away > 0.52
    for depth in range(3):
        own = alone & picture
        assert torch.equal(seen[depth][:, own], depths[depth][:, own])
        assert not torch.equal(seen[depth][:, ~alone], depths[depth][:, ~alone])
        assert bool((seen[depth][:, ~picture] != depths[depth][:, ~picture]).any()) == bool(depth)
    assert torch.equal(seen[3][:, picture], depths[3][:, picture])


@each_case(("zoom", "canvas", "margin"), *ZOOMS)
def test_nothing_jumps_on_the_way_and_a_loop_ends_where_it_began(
    zoom: da.stack.Zoom, canvas: tuple[int, int], margin: int
) -> None:
    operator, depths = ZoomOperator(zoom, canvas, margin), draw(zoom.depths, 3, *canvas)
    seen = operator.forward(depths, [zoom.end * number / 200 for number in range(201)])
    by_frame = (seen[1:] - seen[:-1]).abs().amax(dim=(1, 2, 3))
    # White noise, the worst there is to resize, and no frame stands out.
    assert float(by_frame.max()) < 3 * float(by_frame.median())
    for moment in range(1, zoom.end + 1):
        before, at = operator.forward(depths, [moment - 1e-6, float(moment)])
        assert float((before - at).abs().max()) < 1e-3
    assert not zoom.loop or torch.equal(seen[0], seen[-1])
