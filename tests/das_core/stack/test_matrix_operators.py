"""The exact forms against autograd through the interpolations of torch."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.common.geometry import Shape
from das_core.stack.levels import level_shape
from das_core.stack.matrix_operators import ExactOperator, LevelMatrices, LevelsOperator
from das_core.stack.spec import StackSpec
from das_core.stack.state import AccumulatedGradient, LevelTensors
from stops import assert_ends_anywhere

CPU = torch.device("cpu")
CANVAS, LEVELS, GAINS = (24, 32), (1, 5, 12, 32), (1.0, 2.0, 0.5, 0.25)


def naive(gradient: Tensor, levels: Sequence[int], gains: Sequence[float]) -> tuple[Tensor, list[Tensor]]:
    """K G and the gradient of every level, by autograd through torch's own interpolation in float64."""
    canvas = (gradient.shape[2], gradient.shape[3])
    stack = [
        torch.zeros(gradient.shape[0], 3, *level_shape(level, canvas), dtype=torch.float64, requires_grad=True)
        for level in levels
    ]

    def summed(parts: Sequence[Tensor]) -> Tensor:
        resized = [F.interpolate(part, size=canvas, mode="bicubic", align_corners=False) for part in parts]
        return torch.stack([gain * part for gain, part in zip(gains, resized, strict=True)]).sum(dim=0)

    (summed(stack) * gradient.double()).sum().backward()
    moved = [part.grad for part in stack if part.grad is not None]
    return summed(moved), moved


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@each_case("form", [ExactOperator, LevelsOperator])
@each_case(
    ("canvas", "levels"),
    [((40, 40), (1, 2, 7, 19, 40)), ((24, 56), (1, 3, 20, 55)), ((56, 24), (1, 4, 16, 56)), ((17, 17), (17,))],
)
def test_exact_forms_are_autograd_through_the_interpolations(
    form: type[ExactOperator | LevelsOperator], canvas: Shape, levels: list[int]
) -> None:
    gradient = torch.randn(2, 3, *canvas, generator=torch.Generator().manual_seed(0))
    gains = [1.0 + 0.5 * i for i in range(len(levels))]
    expected, moved = naive(gradient, levels, gains)
    k = form(canvas, levels, gains, CPU)
    torch.testing.assert_close(k.precondition(gradient).double(), expected, rtol=1e-4, atol=1e-4)
    layers = LevelsOperator(canvas, levels, gains, CPU)
    for level, reference in zip(layers.adjoint(gradient).tensors, moved, strict=True):
        torch.testing.assert_close(level.double(), reference, rtol=1e-4, atol=1e-4)


@each_case("tile", [False, True])
def test_shrink_is_the_adjoint_of_enlarge(tile: bool) -> None:
    matrices = LevelMatrices(CANVAS, LEVELS, CPU, tile)
    canvas = draw(2, 3, *CANVAS)
    for number, level in enumerate(LEVELS):
        part = draw(2, 3, *level_shape(level, CANVAS), seed=number)
        large, small = matrices.enlarge(number, part), matrices.shrink(number, canvas)
        assert (large.shape, small.shape) == (canvas.shape, part.shape)
        torch.testing.assert_close((large * canvas).sum(), (part * small).sum(), rtol=1e-4, atol=1e-3)


def test_enlarging_a_tile_wraps_around() -> None:
    """Three copies side by side, enlarged as a picture with edges: the middle one has tile's neighbours."""
    matrices = LevelMatrices((24, 24), (6,), CPU, tile=True)
    part = draw(1, 3, 6, 6)
    copies = F.interpolate(part.repeat(1, 1, 3, 3), size=(72, 72), mode="bicubic", align_corners=False)
    torch.testing.assert_close(matrices.enlarge(0, part), copies[..., 24:48, 24:48], rtol=0, atol=1e-5)


def test_enlarging_is_bicubic_interpolation_and_the_canvas_the_sum_of_levels_times_their_gains() -> None:
    matrices, k = LevelMatrices(CANVAS, LEVELS, CPU, tile=False), LevelsOperator(CANVAS, LEVELS, GAINS, CPU)
    parts = tuple(draw(1, 3, *level_shape(level, CANVAS), seed=level) for level in LEVELS)
    enlarged = [k.enlarge(number, part) for number, part in enumerate(parts)]
    for number, (gain, part, canvas) in enumerate(zip(GAINS, parts, enlarged, strict=True)):
        expected = F.interpolate(part, size=CANVAS, mode="bicubic", align_corners=False)
        torch.testing.assert_close(matrices.enlarge(number, part), expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(canvas, gain * expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(k.forward(LevelTensors(parts)), torch.stack(enlarged).sum(dim=0), rtol=0, atol=1e-5)


def test_the_finest_level_moves_every_pixel_by_itself_and_the_coarsest_all_by_the_sum_of_the_gradient() -> None:
    gradient = draw(1, 3, 17, 21)
    for form in (ExactOperator, LevelsOperator):
        k = form((17, 21), (21,), (3.0,), CPU)
        torch.testing.assert_close(k.precondition(gradient), 9 * gradient, rtol=1e-5, atol=1e-5)
    gradient = draw(2, 3, *CANVAS)
    moved = ExactOperator(CANVAS, (1,), (0.5,), CPU).precondition(gradient)
    expected = 0.25 * gradient.sum(dim=(2, 3), keepdim=True).expand_as(gradient)
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-3)


@each_case("tile", [False, True])
def test_with_and_without_levels_as_tensors_k_is_the_same(tile: bool) -> None:
    gradient = draw(2, 3, *CANVAS)
    frozen = [(5, 12)]
    exact, layers = (form(CANVAS, LEVELS, GAINS, CPU, tile, frozen) for form in (ExactOperator, LevelsOperator))
    torch.testing.assert_close(exact.precondition(gradient), layers.precondition(gradient), rtol=1e-4, atol=1e-4)


def test_the_parameters_are_the_gradient_or_the_levels() -> None:
    gradient = draw(2, 3, *CANVAS)
    exact = ExactOperator(CANVAS, LEVELS, GAINS, CPU).adjoint(gradient)
    assert type(exact) is AccumulatedGradient
    assert torch.equal(exact.gradient, gradient)
    layers = LevelsOperator(CANVAS, LEVELS, GAINS, CPU).adjoint(gradient)
    assert type(layers) is LevelTensors
    assert [tuple(part.shape[2:]) for part in layers.tensors] == [level_shape(level, CANVAS) for level in LEVELS]


def test_recovered_levels_are_the_adjoint_but_for_the_finest_which_takes_up_the_difference() -> None:
    spec = StackSpec(32, 24, 0, levels=(1, 4, 32), gains=(1.0, 2.0, 0.5))
    operator: Any = spec.operator(CPU, "layers")
    gradient = torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    canvas = spec.operator(CPU, "spectral").precondition(gradient)
    levels, _ = operator.recover_levels(canvas, gradient)
    for level, expected in list(zip(levels, operator.adjoint(gradient).tensors, strict=True))[:-1]:
        assert torch.equal(level, expected)
    torch.testing.assert_close(operator.forward(LevelTensors(levels)), canvas, rtol=0, atol=1e-3)


@each_case("tile", [False, True])
@each_case(("finest", "side"), [(47, 48), (24, 48), (31, 64), (48, 48)])
def test_the_finest_level_of_a_large_canvas_fits_as_that_of_a_small_one(
    finest: int, side: int, tile: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    matrices = LevelMatrices((side, side), (1, finest), torch.device("cpu"), tile)
    small = matrices.fit_finest(canvas)
    monkeypatch.setattr("das_core.stack.matrix_operators._LARGEST_DECOMPOSED", 10)
    assert assert_ends_anywhere(lambda: matrices.fit_finest(canvas)) > 5
    torch.testing.assert_close(matrices.fit_finest(canvas), small, rtol=1e-5, atol=1e-5)


def test_every_level_of_an_operator_can_be_the_last() -> None:
    spec = StackSpec(32, 32, margin=8, levels=(1, 5, 9, 24, 47))
    gradient = torch.ones(1, 3, *spec.canvas)
    for kind in (ExactOperator, LevelsOperator):

        def run(kind: Any = kind) -> Tensor:
            operator = kind(spec.canvas, spec.levels, spec.gains, torch.device("cpu"))
            moved: Tensor = operator.precondition(gradient)
            return moved

        assert assert_ends_anywhere(run) >= 2 * 5
