"""K in the form `layers` against autograd through the interpolations of torch."""

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.levels import level_shape
from das_core.stack.levels_operator import LevelsOperator
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from stops import assert_ends_anywhere

CPU = torch.device("cpu")
CANVAS, LEVELS = (24, 32), (1, 5, 12, 32)


def naive(gradient: Tensor, levels: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
    """K G and the gradient of every level, by autograd through torch's own interpolation in float64."""
    canvas = (gradient.shape[2], gradient.shape[3])
    stack = [
        torch.zeros(gradient.shape[0], 3, *level_shape(level, canvas), dtype=torch.float64, requires_grad=True)
        for level in levels
    ]

    def summed(parts: Sequence[Tensor]) -> Tensor:
        resized = [F.interpolate(part, size=canvas, mode="bicubic", align_corners=False) for part in parts]
        return torch.stack(resized).sum(dim=0)

    (summed(stack) * gradient.double()).sum().backward()
    moved = [part.grad for part in stack if part.grad is not None]
    return summed(moved), moved


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@each_case(
    ("canvas", "levels"),
    [((40, 40), (1, 2, 7, 19, 40)), ((24, 56), (1, 3, 20, 55)), ((56, 24), (1, 4, 16, 56)), ((17, 17), (17,))],
)
def test_k_and_the_levels_are_those_of_autograd_through_the_interpolations(canvas: Shape, levels: list[int]) -> None:
    gradient = draw(2, 3, *canvas)
    expected, moved = naive(gradient, levels)
    k = LevelsOperator(canvas, levels, CPU)
    torch.testing.assert_close(k.precondition(gradient).double(), expected, rtol=1e-4, atol=1e-4)
    for level, reference in zip(k.adjoint(gradient).tensors, moved, strict=True):
        torch.testing.assert_close(level.double(), reference, rtol=1e-4, atol=1e-4)


@each_case("tile", [False, True])
def test_adjoint_is_the_transpose_of_forward(tile: bool) -> None:
    k, canvas = LevelsOperator(CANVAS, LEVELS, CPU, tile), draw(2, 3, *CANVAS)
    parts = [draw(2, 3, *level_shape(level, CANVAS), seed=level) for level in LEVELS]
    dots = sum(
        ((part * own).sum() for part, own in zip(parts, k.adjoint(canvas).tensors, strict=True)), torch.zeros(())
    )
    torch.testing.assert_close((k.forward(LevelTensors(tuple(parts))) * canvas).sum(), dots, rtol=1e-4, atol=1e-3)


def test_enlarging_is_bicubic_interpolation_and_that_of_a_tile_wraps_around() -> None:
    k = LevelsOperator(CANVAS, LEVELS, CPU)
    for number, level in enumerate(LEVELS):
        part = draw(1, 3, *level_shape(level, CANVAS))
        expected = F.interpolate(part, size=CANVAS, mode="bicubic", align_corners=False)
        torch.testing.assert_close(k.enlarge(number, part), expected, rtol=0, atol=1e-5)
    # The middle one of three copies side by side, enlarged as a picture with edges, has the neighbours of a tile.
    part = draw(1, 3, 6, 6)
    copies = F.interpolate(part.repeat(1, 1, 3, 3), size=(72, 72), mode="bicubic", align_corners=False)
    enlarged = LevelsOperator((24, 24), (6,), CPU, True).enlarge(0, part)
    torch.testing.assert_close(enlarged, copies[..., 24:48, 24:48], rtol=0, atol=1e-5)


def test_recovered_levels_are_the_adjoint_but_for_the_finest_which_takes_up_the_difference() -> None:
    spec, gradient = StackSpec(32, 24, 0, levels=(1, 4, 32)), draw(1, 3, 24, 32)
    operator = LevelsOperator(spec.canvas, spec.levels, CPU)
    canvas = spec.operator(CPU, "spectral").precondition(gradient)
    levels, rest = operator.recover_levels(canvas, gradient)
    for level, expected in list(zip(levels, operator.adjoint(gradient).tensors, strict=True))[:-1]:
        assert torch.equal(level, expected)
    torch.testing.assert_close(operator.forward(LevelTensors(levels)), canvas, rtol=0, atol=1e-3)
    torch.testing.assert_close(operator.forward(LevelTensors(levels)) + rest, canvas, rtol=0, atol=1e-5)


@each_case("tile", [False, True])
@each_case(("finest", "side"), [(47, 48), (24, 48), (31, 64), (48, 48)])
def test_the_finest_level_of_a_large_canvas_fits_as_that_of_a_small_one(
    finest: int, side: int, tile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas, k = draw(2, 3, side, side), LevelsOperator((side, side), (1, finest), CPU, tile)
    small = k.fit_finest(canvas)
    # Least squares: what is left is orthogonal to everything that the level can show.
    left = k.adjoint(canvas - k.enlarge(1, small)).tensors[1]
    assert left.norm() < 1e-4 * k.adjoint(canvas).tensors[1].norm()
    monkeypatch.setattr("das_core.stack.levels_operator._LARGEST_DECOMPOSED", 10)
    assert assert_ends_anywhere(lambda: k.fit_finest(canvas)) > 5
    torch.testing.assert_close(k.fit_finest(canvas), small, rtol=1e-5, atol=1e-5)


def test_every_level_of_an_operator_can_be_the_last() -> None:
    gradient = torch.ones(1, 3, 48, 48)
    run = lambda: LevelsOperator((48, 48), (1, 5, 9, 24, 47), CPU).precondition(gradient)  # noqa: E731
    assert assert_ends_anywhere(run) >= 2 * 5
