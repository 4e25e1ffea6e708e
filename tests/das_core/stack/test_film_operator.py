"""K of a film against autograd through explicit levels in all three directions."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from cases import each_case
from das_core.stack.film_operator import FilmOperator
from das_core.stack.image_stack import ImageStack, move_canvas
from das_core.stack.levels import level_shape
from das_core.stack.spec import StackSpec
from das_core.stack.state import AccumulatedGradient
from das_core.stack.time import Time, list_time_levels

CPU = torch.device("cpu")
SPEC = StackSpec(24, 16, 4, levels=(1, 5, 12, 32))
FILM = replace(SPEC, time=Time(6))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def explicit(gradient: Tensor, spec: StackSpec, loop: bool) -> Tensor:
    """K G by autograd through torch's own interpolations of levels (r, 3, h, w), in float64.

    The levels of a loop stand at every phase: each is interpolated on three rounds, of which the middle one counts, and
    shifted.
    """
    frames = len(gradient)
    phases = range(frames) if loop else range(1)

    def enlarge(level: Tensor, phase: int) -> Tensor:
        along = level.flatten(1).T[None]
        if loop:
            along = F.interpolate(along.repeat(1, 1, 3), size=3 * frames, mode="linear")[..., frames : 2 * frames]
        else:
            along = F.interpolate(along, size=frames, mode="linear")
        film = along[0].T.unflatten(1, level.shape[1:]).roll(phase, 0) / math.sqrt(len(phases))
        return F.interpolate(film, size=spec.canvas, mode="bicubic", align_corners=False)

    total = torch.zeros(gradient.shape, dtype=torch.float64)
    for size in spec.levels:
        for points in list_time_levels(frames):
            for phase in phases:
                shape = (points, 3, *level_shape(size, spec.canvas))
                level = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
                (enlarge(level, phase) * gradient.double()).sum().backward()
                assert level.grad is not None
                total += enlarge(level.grad, phase)
    return total


@each_case("loop", [False, True])
@each_case("frames", [6, 5, 2, 1])
def test_k_in_space_and_time_is_autograd_through_levels_in_three_directions(frames: int, loop: bool) -> None:
    gradient = draw(frames, 3, *SPEC.canvas)
    # With these two levels K in space is diagonal, so the form `spectral` is exact.
    spec = replace(SPEC, levels=(1, 32), time=Time(frames, loop=loop))
    expected = explicit(gradient, spec, loop)
    torch.testing.assert_close(spec.operator(CPU).precondition(gradient).double(), expected, rtol=1e-4, atol=1e-3)


def test_both_halves_are_k_and_k_is_symmetric() -> None:
    k = FILM.operator(CPU)
    one, other = draw(6, 3, *FILM.canvas), draw(6, 3, *FILM.canvas, seed=1)
    torch.testing.assert_close(k.forward(k.adjoint(one)), k.precondition(one), rtol=1e-4, atol=1e-4)
    pairs = (k.precondition(one) * other).sum(), (one * k.precondition(other)).sum()
    torch.testing.assert_close(*pairs, rtol=1e-4, atol=1)
    assert float((k.precondition(one) * one).sum()) > 0


def test_frames_without_a_gradient_move_with_the_others() -> None:
    k = FILM.operator(CPU)
    gradient = draw(6, 3, *FILM.canvas)
    gradient[[0, 2, 3]] = 0
    moved = k.precondition(gradient, 4.0)
    whole = k.basis.filter(k.forward(AccumulatedGradient((gradient,))), k.basis.gaussian(4.0))
    torch.testing.assert_close(moved, whole, rtol=1e-4, atol=1e-4)
    assert float(moved[0].abs().mean()) > 0
    assert not k.precondition(torch.zeros_like(gradient)).any()


def test_without_time_the_operator_is_that_of_pictures() -> None:
    gradient = draw(3, 3, *SPEC.canvas)
    assert not isinstance(SPEC.operator(CPU), FilmOperator)
    pictures = SPEC.operator(CPU).precondition(gradient[:1], 5.0)
    assert torch.equal(replace(SPEC, time=Time(1)).operator(CPU).precondition(gradient[:1], 5.0), pictures)


def test_frozen_bands_stay() -> None:
    gradient = draw(6, 3, *FILM.canvas)
    k, free = (replace(FILM, frozen=bands).operator(CPU) for bands in (((5, 12),), ()))
    moved, moved_all = k.precondition(gradient), free.precondition(gradient)
    torch.testing.assert_close(k.remove_frozen(moved), moved, rtol=1e-4, atol=1e-3)
    # Without frozen bands the same gradient also moves what `remove_frozen` takes away.
    assert float(moved.abs().max()) > 0.1
    assert float((k.remove_frozen(moved_all) - moved_all).abs().max()) > 0.1
    assert torch.equal(free.remove_frozen(moved_all), moved_all)


@each_case("loop", [False, True])
def test_the_least_gradient_leads_to_the_canvas(loop: bool) -> None:
    spec = replace(FILM, time=Time(6, loop=loop))
    k = spec.operator(CPU)
    assert isinstance(k, FilmOperator)
    target = k.precondition(draw(6, 3, *spec.canvas))
    gradient = k.invert(target).gradient
    torch.testing.assert_close(k.precondition(gradient), target, rtol=1e-3, atol=1e-3 * float(target.abs().max()))


def test_a_film_that_has_accumulated_moves_to_another_canvas_and_stays_true() -> None:
    spec = FILM
    k = spec.operator(CPU)
    start, gradient = torch.zeros(6, 3, *spec.canvas), 0.01 * draw(6, 3, *spec.canvas)
    stack = ImageStack(spec, start, k.precondition(gradient), AccumulatedGradient((gradient,)))
    target = stack.canvas + k.precondition(0.01 * draw(6, 3, *spec.canvas, seed=3))
    moved = move_canvas(stack, target, k)
    torch.testing.assert_close(moved.canvas, target, rtol=0, atol=1e-3 * float(target.abs().max()))
    assert moved.parameters is not None
    torch.testing.assert_close(moved.start + k.forward(moved.parameters), moved.canvas)
