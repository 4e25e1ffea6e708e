"""The map from depths to what is seen: against torch's own resizing, its adjoint against autograd, and no jumps."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.stack.zoom import Zoom
from das_core.stack.zoom_operator import ZoomOperator, zoom_matrix

ZOOMS = [
    (Zoom(3, 2.0), (24, 32), 4),
    (Zoom(4, 2.7), (21, 25), 4),
    (Zoom(2, 2.5, loop=True), (24, 31), 5),
]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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
    seen = ZoomOperator(Zoom(3, 2.0), canvas, margin).forward(depths, [0.0, 1.0])
    expected = depths[0].clone()
    for depth, (rows, columns) in ((1, (24, 32)), (2, (12, 16))):
        small = F.interpolate(depths[depth][None], size=(rows, columns), mode="bicubic", antialias=True)[0]
        middle = (slice(24 - rows // 2, 24 + rows // 2), slice(32 - columns // 2, 32 + columns // 2))
        expected[:, *middle] = torch.lerp(expected[:, *middle], small, soften(canvas, margin, (rows, columns)))
    torch.testing.assert_close(seen[0], expected, rtol=0, atol=1e-5)
    # At its own moment a depth lies on the enlarged one that holds it, and holds the next.
    around = F.interpolate(depths[0][None], scale_factor=2, mode="bicubic", antialias=True)[0][:, 24:72, 32:96]
    expected = torch.lerp(around, depths[1], soften(canvas, margin, canvas))
    small = F.interpolate(depths[2][None], size=(24, 32), mode="bicubic", antialias=True)[0]
    middle = (slice(12, 36), slice(16, 48))
    expected[:, *middle] = torch.lerp(expected[:, *middle], small, soften(canvas, margin, (24, 32)))
    torch.testing.assert_close(seen[1], expected, rtol=0, atol=1e-5)


@each_case(("zoom", "canvas", "margin"), ZOOMS)
def test_the_adjoint_is_that_of_autograd(zoom: Zoom, canvas: tuple[int, int], margin: int) -> None:
    operator = ZoomOperator(zoom, canvas, margin)
    moments = [0.0, 0.3, 1.0, 1.5, float(zoom.end)] if zoom.end > 1 else [0.0, 0.3, 1.0]
    depths = draw(zoom.depths, 3, *canvas).requires_grad_()
    gradient = draw(len(moments), 3, *canvas, seed=1)
    (operator.forward(depths, moments) * gradient).sum().backward()
    assert depths.grad is not None
    by_hand = operator.adjoint(gradient, moments)
    torch.testing.assert_close(by_hand, depths.grad, rtol=1e-4, atol=1e-5)
    assert all(bool(depth.any()) for depth in by_hand)


@each_case(("zoom", "canvas", "margin"), ZOOMS)
def test_each_pixel_is_a_mean_of_depths(zoom: Zoom, canvas: tuple[int, int], margin: int) -> None:
    operator = ZoomOperator(zoom, canvas, margin)
    seen = operator.forward(torch.ones(zoom.depths, 1, *canvas), zoom.moments)
    torch.testing.assert_close(seen, torch.ones_like(seen), rtol=0, atol=1e-6)


def test_a_depth_has_the_bits_of_its_canvas_where_nothing_lies_in_it() -> None:
    canvas, margin = (40, 48), 4
    depths = draw(4, 3, *canvas)
    seen = ZoomOperator(Zoom(4, 2.5), canvas, margin).forward(depths, [0.0, 1.0, 2.0, 3.0])
    # Between the edge of the next depth and where its own begins.
    down, right = (torch.arange(40) - 19.5) / 16, (torch.arange(48) - 23.5) / 20
    away = torch.hypot(down[:, None], right)
    picture, alone = away < 0.6, away > 0.52
    for depth in range(3):
        own = alone & picture
        assert int(own.sum()) > 50
        assert torch.equal(seen[depth][:, own], depths[depth][:, own])
        assert not torch.equal(seen[depth][:, ~alone], depths[depth][:, ~alone])
        assert bool((seen[depth][:, ~picture] != depths[depth][:, ~picture]).any()) == bool(depth)
    assert torch.equal(seen[3][:, picture], depths[3][:, picture])


@each_case(("zoom", "canvas", "margin"), ZOOMS)
def test_nothing_jumps_on_the_way(zoom: Zoom, canvas: tuple[int, int], margin: int) -> None:
    operator = ZoomOperator(zoom, canvas, margin)
    depths = draw(zoom.depths, 3, *canvas)
    moments = [zoom.end * number / 400 for number in range(401)]
    seen = operator.forward(depths, moments)
    by_frame = (seen[1:] - seen[:-1]).abs().amax(dim=(1, 2, 3))
    # White noise, the worst there is to resize, and no frame stands out.
    assert float(by_frame.max()) < 3 * float(by_frame.median())
    for moment in range(1, zoom.end + 1):
        before, at = operator.forward(depths, [moment - 1e-6, float(moment)])
        assert float((before - at).abs().max()) < 1e-3


def test_a_loop_ends_where_it_began() -> None:
    operator = ZoomOperator(Zoom(3, 2.0, loop=True), (24, 24), 4)
    first, last, before = operator.forward(draw(3, 3, 24, 24), [0.0, 3.0, 2.999])
    assert torch.equal(first, last)
    assert float((last - before).abs().max()) < 0.05


def test_rows_of_a_resizing_matrix_sum_to_1() -> None:
    for length, scale in ((24, 0.4), (25, 0.4), (24, 1.0), (25, 1.7), (24, 8.0), (24, 1 / 24)):
        matrix = zoom_matrix(length, scale, torch.device("cpu"))
        torch.testing.assert_close(matrix.sum(dim=1), torch.ones(len(matrix)))
    assert torch.equal(zoom_matrix(8, 1.0, torch.device("cpu")), torch.eye(8))
