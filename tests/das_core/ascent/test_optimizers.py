"""What holds for every optimizer: the rate of a step, what is remembered between steps, and settings out of range."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer, recall_state
from das_core.ascent.pace import Pace
from das_core.ascent.sgd import SGD
from das_core.stack.file import load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.linear_operator import StackOperator
from das_core.stack.spec import StackSpec
from das_core.stack.state import OptimizerState
from das_core.stack.time import Time
from flat_stack import CPU, FULL, flat, gradients
from toys import SPEC, VIEWS, toy_class


@each_case("optimizer", [NormalizedAscent(0.05), SGD(0.01), Adam(0.02)])
def test_the_rate_of_the_pace_scales_a_step(optimizer: Optimizer) -> None:
    gradient, stack = gradients(1)[0], flat("layers")
    operator = stack.spec.operator(CPU)
    whole, quarter = (optimizer.step(stack, gradient, operator, Pace(rate, 1.0)).canvas for rate in (1.0, 0.25))
    torch.testing.assert_close(quarter, whole / 4, rtol=1e-4, atol=1e-6)


@each_case("optimizer", [NormalizedAscent(momentum=0.5), SGD(0.01, 0.9), Adam()])
def test_a_step_uses_the_state_of_its_own_kind_and_mutates_nothing(optimizer: Optimizer) -> None:
    (first, second), stack = gradients(2), flat("layers")
    operator = stack.spec.operator(CPU)
    fresh = optimizer.step(stack, second, operator, FULL).canvas
    own = optimizer.step(stack, first, operator, FULL).optimizer_state
    assert own is not None
    assert own.kind == optimizer.kind
    assert stack.parameters is not None
    given = (stack.canvas, second, *own.tensors, *stack.parameters.tensors)
    kept = [tensor.clone() for tensor in given]
    for state, alike in ((replace(own, kind="another"), True), (own, False)):
        after = optimizer.step(replace(stack, optimizer_state=state), second, operator, FULL).canvas
        assert torch.equal(after, fresh) is alike
    assert all(torch.equal(before, now) for before, now in zip(kept, given, strict=True))


@each_case(
    ("kind", "settings", "says"),
    [
        (NormalizedAscent, {"step_size": 0}, "step_size 0"),
        (NormalizedAscent, {"step_size": math.nan}, "step_size nan"),
        (NormalizedAscent, {"step_size": 1e308}, r"step_size 1e\+308 must be above 0 and at most 1e\+30"),
        (NormalizedAscent, {"momentum": 1.0}, "momentum 1.0"),
        (NormalizedAscent, {"coarse_to_fine": 1.1}, "coarse_to_fine 1.1"),
        (NormalizedAscent, {"tilt": 4.1}, "tilt 4.1"),
        (SGD, {"learning_rate": -1}, "learning_rate -1"),
        (SGD, {"momentum": -0.1}, "momentum -0.1"),
        (Adam, {"learning_rate": 0}, "learning_rate 0"),
    ],
)
def test_settings_out_of_range_are_refused(kind: type[Any], settings: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        kind(**settings)


@dataclass(frozen=True)
class SignAscent(Optimizer):
    """An optimizer as docs/architecture.md tells to write one: it moves every value of the canvas equally far."""

    distance: float
    kind: ClassVar[str] = "sign"

    def check(self, spec: StackSpec) -> None:
        """Refuse films."""
        if spec.time is not None:
            raise ValueError("SignAscent moves no films")

    def step(
        self, stack: ImageStack, gradient: Tensor, operator: StackOperator[Any], pace: Pace, mask: Tensor | None = None
    ) -> ImageStack:
        """Move by the sign of the sum of all directions so far."""
        total = operator.precondition(gradient, pace.cutoff(min(operator.canvas)), pace.tilt)
        old = recall_state(stack, self.kind, [total.shape])
        total = total if old is None else total + old.tensors[0]
        canvas = stack.canvas + self.distance * pace.rate * total.sign()
        return replace(stack, canvas=canvas, parameters=None, optimizer_state=OptimizerState(self.kind, (total,)))


def test_an_optimizer_written_as_the_architecture_says_climbs_and_continues_from_a_file(tmp_path: Path) -> None:
    objective, optimizer = toy_class(), SignAscent(0.05)

    def ascend(stack: ImageStack) -> Ascent:
        return Ascent(stack, objective, VIEWS, steps=4, optimizer=optimizer)

    first = ascend(ImageStack.gray(SPEC, batch=2)).run()
    assert first.history[-1].scores[objective.name] > first.history[0].scores[objective.name]
    save_stack(first.stack, tmp_path / "stack.safetensors")
    again, loaded = (ascend(stack).run() for stack in (first.stack, load_stack(tmp_path / "stack.safetensors")))
    assert torch.equal(again.image, loaded.image)
    with pytest.raises(ValueError, match="moves no films"):
        ascend(ImageStack.gray(replace(SPEC, time=Time(3))))
