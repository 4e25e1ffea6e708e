"""L-BFGS: its direction against the dense formula, and what it gains."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.lbfgs import LBFGS, _find_direction
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.pace import Pace
from das_core.ascent.result import Result
from das_core.ascent.sgd import SGD
from das_core.objectives.base import BaseObjective
from das_core.objectives.prior import CanvasPixels
from das_core.stack.file import load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from toys import class_objective

CPU = torch.device("cpu")
SPEC = StackSpec(16, 16, 0, levels=(1, 4, 16))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True, eq=False)
class Near(BaseObjective):
    """Minus the squared distance to an image, in which some pixels count a hundred times as much as others."""

    image: Tensor
    judge: None = None
    weight: float = 1.0
    name: str = "near"

    def score(self, output: CanvasPixels) -> Tensor:
        counts = torch.linspace(0.1, 10, output.pixels.shape[3])
        return -((output.pixels - self.image).square() * counts).sum(dim=(1, 2, 3))


def climb(optimizer: Any, batch: int = 1, steps: int = 12, image: Tensor | None = None) -> Result:
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)) if image is None else image
    stack = ImageStack.gray(SPEC, batch)
    return Ascent(stack, Near(image), steps=steps, optimizer=optimizer, schedule="constant", focus=None).run()


def test_the_direction_is_that_of_the_dense_formula_and_without_pairs_along_k_by_the_step_size() -> None:
    operator, count = SPEC.operator(CPU, "exact"), 3 * 16 * 16
    k = np.stack([operator.precondition(unit.reshape(1, 3, 16, 16)).flatten().numpy() for unit in torch.eye(count)], 1)
    rng = np.random.default_rng(0)
    curvature = np.diag(rng.uniform(0.5, 2.0, count))
    moves = [random(1, 3, 16, 16, seed=seed) for seed in range(3)]
    pairs = tuple(
        (s, torch.from_numpy(curvature @ s.flatten().double().numpy()).float().reshape(s.shape)) for s in moves
    )
    s, y = (part.flatten().double().numpy() for part in pairs[-1])
    inverse = (s @ y) / (y @ k @ y) * k
    for pair in pairs:
        s, y = (part.flatten().double().numpy() for part in pair)
        rho, unit = 1 / (s @ y), np.eye(count)
        inverse = (unit - rho * np.outer(s, y)) @ inverse @ (unit - rho * np.outer(y, s)) + rho * np.outer(s, s)
    gradient = random(1, 3, 16, 16, seed=9)
    expected = (inverse @ gradient.flatten().double().numpy()).reshape(1, 3, 16, 16)
    found = _find_direction(gradient, pairs, operator)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())
    stack, gradient = ImageStack.gray(SPEC), random(1, 3, 16, 16)
    spectral = SPEC.operator(CPU)
    moved = LBFGS(0.05).step(stack, gradient, spectral, Pace(1.0, 1.0, 1.0), evaluate=lambda canvas: gradient)
    along = spectral.precondition(gradient)
    torch.testing.assert_close(moved.canvas, along * (0.05 / along.square().mean().sqrt()), rtol=1e-4, atol=1e-6)


def test_it_comes_nearer_than_steps_along_the_gradient() -> None:
    best = climb(LBFGS(0.3)).history[-1].scores["near"]
    for other in (
        NormalizedAscent(0.1, momentum=0.0, coarse_to_fine=0.0),
        NormalizedAscent(0.3, momentum=0.0, coarse_to_fine=0.0),
        SGD(0.01),
        SGD(0.03),
    ):
        assert best > 0.7 * climb(other).history[-1].scores["near"]


def test_no_step_is_longer_than_the_step_size_or_leaves_a_bound() -> None:
    stack = ImageStack.noise(SPEC, 2)
    before = stack.canvas
    for step in Ascent(stack, class_objective(), steps=5, optimizer=LBFGS(0.05), schedule="constant", focus=None):
        change = (step.stack.canvas - before).square().mean(dim=(1, 2, 3)).sqrt()
        assert float(change.max()) <= 0.05 * 1.001
        before = step.stack.canvas
    stack = ImageStack.noise(SPEC)
    after = Ascent(stack, class_objective(), steps=4, optimizer=LBFGS(), within=0.03, focus=None).run().image
    assert float((after - stack.image()).abs().max()) <= 0.03


def test_a_step_that_overshoots_is_halved() -> None:
    stack, asked = ImageStack.gray(SPEC), []
    gradient = torch.ones_like(stack.canvas)

    def evaluate(canvas: Tensor) -> Tensor:
        asked.append(float(canvas.mean()))
        return gradient * (1 if canvas.mean() < 0.03 else -1)

    moved = LBFGS(0.1).step(stack, gradient, SPEC.operator(CPU), Pace(1.0, 1.0, 1.0), evaluate=evaluate)
    assert asked == pytest.approx([0.1, 0.05, 0.025], rel=1e-2)
    assert float(moved.canvas.mean()) == pytest.approx(0.025, rel=1e-2)


def test_images_of_a_batch_do_not_disturb_each_other() -> None:
    targets = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    together = climb(LBFGS(0.2), batch=2, steps=4, image=targets).image
    for number in range(2):
        alone = climb(LBFGS(0.2), steps=4, image=targets[number : number + 1]).image
        torch.testing.assert_close(together[number : number + 1], alone, rtol=0, atol=5e-3)


def test_a_saved_stack_continues_with_the_same_bits(tmp_path: Any) -> None:
    stack = climb(LBFGS(0.2, memory=2), steps=3).stack
    assert stack.optimizer_state is not None
    assert len(stack.optimizer_state.tensors) == 4
    save_stack(stack, tmp_path / "stack.safetensors")
    objective = Near(torch.full((1, 3, 16, 16), 0.3))
    one, other = (
        Ascent(each, objective, steps=2, optimizer=LBFGS(0.2, memory=2), focus=None).run().image
        for each in (stack, load_stack(tmp_path / "stack.safetensors"))
    )
    assert torch.equal(one, other)


def test_a_state_of_another_size_is_dropped() -> None:
    stack = climb(LBFGS(0.2), steps=2).stack
    assert stack.optimizer_state is not None
    tensors = stack.optimizer_state.tensors
    for kept in (tuple(t[:, :, :8] for t in tensors), tensors[:3]):
        torn = replace(stack, optimizer_state=replace(stack.optimizer_state, tensors=kept))
        after = Ascent(torn, Near(torch.zeros(1)), steps=1, optimizer=LBFGS(), focus=None).run()
        assert after.image.isfinite().all()
        assert len(after.stack.optimizer_state.tensors) == 2  # type: ignore[union-attr]


@each_case(
    ("settings", "says"),
    [
        ({"step_size": 0.0}, "step_size 0.0 must be above 0"),
        ({"memory": 0}, "memory 0 is not"),
        ({"memory": 101}, "100"),
    ],
)
def test_a_setting_out_of_range_is_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LBFGS(**settings)
