"""Moving a stack to another canvas."""

from dataclasses import replace

import torch

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.objectives.priors import prior
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.move import move_canvas
from das_core.stack.spec import StackSpec

SPEC = StackSpec(width=40, height=32, margin=8, levels=linear_levels(56, 4))
CPU = torch.device("cpu")


def climbed(optimizer: Optimizer, spec: StackSpec = SPEC) -> ImageStack:
    return Ascent(ImageStack.noise(spec), [prior()], steps=3, optimizer=optimizer).run().stack


def moved(stack: ImageStack, target: torch.Tensor) -> ImageStack:
    return move_canvas(stack, target, stack.spec.operator(CPU))


def soft_target(stack: ImageStack) -> torch.Tensor:
    return 0.7 * stack.canvas + 0.1 * ImageStack.noise(SPEC, seed=5).canvas


def test_a_stack_without_parameters_takes_the_canvas_to_the_bit() -> None:
    stack = climbed(NormalizedAscent())
    target = soft_target(stack)
    assert torch.equal(moved(stack, target).canvas, target)


@each_case(
    ("optimizer", "method", "misses"),
    [(SGD(50), "spectral", 1e-4), (SGD(50), "exact", 0.1), (SGD(50, 0.9), "layers", 0.1), (Adam(), "layers", 0.1)],
)
def test_parameters_stay_true_and_lead_near_to_the_canvas(optimizer: Optimizer, method: str, misses: float) -> None:
    stack = climbed(optimizer, replace(SPEC, method=method))  # type: ignore[arg-type]
    target = soft_target(stack)
    after = moved(stack, target)
    assert after.parameters is not None
    whole = after.start + after.spec.operator(CPU).forward(after.parameters)
    assert torch.equal(after.canvas, whole)
    assert (after.canvas - target).norm() < misses * (stack.canvas - target).norm()
    parts = decompose(after)
    torch.testing.assert_close(parts.canvas(), after.canvas, atol=1e-4, rtol=0)


@each_case("optimizer", [NormalizedAscent(), SGD(50)])
def test_frozen_bands_do_not_move(optimizer: Optimizer) -> None:
    spec = replace(SPEC, frozen=((1, 8),))
    stack = climbed(optimizer, spec)
    after = moved(stack, soft_target(stack))
    change = after.canvas - stack.canvas
    assert change.norm() > 1
    kept = change - spec.operator(CPU).remove_frozen(change)
    assert kept.norm() < 1e-3 * change.norm()


def test_nothing_moves_without_a_change() -> None:
    stack = climbed(NormalizedAscent(), replace(SPEC, frozen=((1, 8),)))
    assert torch.equal(moved(stack, stack.canvas).canvas, stack.canvas)
