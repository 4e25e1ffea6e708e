"""K in the form `layers` against autograd through the interpolations of torch."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.levels import level_shape
from das_core.stack.levels_operator import LevelsOperator
from stops import assert_ends_anywhere
from toys import draw

CPU = torch.device("cpu")


def naive(gradient: Tensor, levels: Sequence[int], tile: bool) -> tuple[Tensor, list[Tensor]]:
    """K G and the gradient of every level, by autograd through torch's own interpolation in float64."""
    height, width = gradient.shape[2:]
    stack = [
        torch.zeros(len(gradient), 3, *level_shape(level, (height, width)), dtype=torch.float64, requires_grad=True)
        for level in levels
    ]

    def enlarge(part: Tensor) -> Tensor:
        if not tile:
            return F.interpolate(part, size=(height, width), mode="bicubic", align_corners=False)
        # The middle one of three copies side by side has the neighbours of a tile.
        copies = F.interpolate(part.repeat(1, 1, 3, 3), size=(3 * height, 3 * width), mode="bicubic")
        return copies[..., height : 2 * height, width : 2 * width]

    def summed(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack([enlarge(part) for part in parts]).sum(dim=0)

    (summed(stack) * gradient.double()).sum().backward()
    moved = [part.grad for part in stack if part.grad is not None]
    return summed(moved), moved


@each_case("tile", False, True)
@each_case(("canvas", "levels"), ((24, 56), (1, 3, 20, 55)), ((56, 24), (1, 4, 16, 56)), ((17, 17), (7, 17)))
def test_k_and_the_levels_are_those_of_autograd_through_the_interpolations(
    canvas: Shape, levels: Sequence[int], tile: bool
) -> None:
    gradient = draw(2, 3, *canvas)
    expected, moved = naive(gradient, levels, tile)
    k = LevelsOperator(canvas, levels, CPU, tile)
    torch.testing.assert_close(k.precondition(gradient).double(), expected, rtol=1e-4, atol=1e-4)
    for level, reference in zip(k.adjoint(gradient), moved, strict=True):
        torch.testing.assert_close(level.double(), reference, rtol=1e-4, atol=1e-4)


def test_every_level_of_an_operator_can_be_the_last() -> None:
    gradient = torch.ones(1, 3, 48, 48)
    run = lambda: LevelsOperator((48, 48), (1, 5, 9, 24, 47), CPU).precondition(gradient)  # noqa: E731
    assert assert_ends_anywhere(run) >= 2 * 5
