"""What holds for every optimizer: the rate of a step, what is remembered between steps, and settings out of range."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import das_core as da
from cases import each_case
from das_core.ascent.optimizers import Optimizer, recall_state
from das_core.ascent.pace import Pace
from das_core.stack.state import OptimizerState
from flat_stack import CPU, FULL, flat, gradients
from toys import SPEC, VIEWS, toy_class


@each_case("optimizer", [da.NormalizedAscent(0.05), da.SGD(0.01), da.Adam(0.02)])
def test_the_rate_of_the_pace_scales_a_step(optimizer: Optimizer) -> None:
    gradient, stack = gradients(1)[0], flat("layers")
    operator = stack.spec.operator(CPU)
    whole, quarter = (optimizer.step(stack, gradient, operator, Pace(rate, 1.0)).canvas for rate in (1.0, 0.25))
    torch.testing.assert_close(quarter, whole / 4, rtol=1e-4, atol=1e-6)


@each_case("optimizer", [da.NormalizedAscent(momentum=0.5), da.SGD(0.01, 0.9), da.Adam()])
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


BAD: dict[Any, dict[str, tuple[float, ...]]] = {
    da.NormalizedAscent: {
        "step_size": (0, math.nan, 1e308),
        "momentum": (1.0, -0.1),
        "coarse_to_fine": (1.1,),
        "tilt": (4.1,),
    },
    da.SGD: {"learning_rate": (-1, 1e308), "momentum": (-0.1,)},
    da.Adam: {"learning_rate": (0,)},
}


@each_case("kind", BAD)
def test_settings_out_of_range_are_refused(kind: Any) -> None:
    for name, values in BAD[kind].items():
        for value in values:
            with pytest.raises(ValueError, match=f"^{name} {re.escape(str(value))} "):
                kind(**{name: value})


@dataclass(frozen=True)
class SignAscent(Optimizer):
    """An optimizer as docs/architecture.md tells to write one: it moves every value of the canvas equally far."""

    distance: float
    kind: ClassVar[str] = "sign"

    def step(self, stack: da.ImageStack, *arguments: Any) -> da.ImageStack:
        """Move by the sign of the sum of all directions so far."""
        gradient, operator, pace, _ = arguments
        total = operator.precondition(gradient, pace.cutoff(min(operator.canvas)), pace.tilt)
        old = recall_state(stack, self.kind, [total.shape])
        total = total if old is None else total + old.tensors[0]
        canvas = stack.canvas + self.distance * pace.rate * total.sign()
        return replace(stack, canvas=canvas, parameters=None, optimizer_state=OptimizerState(self.kind, (total,)))


def test_an_optimizer_written_as_the_architecture_says_climbs_and_continues_from_a_file(tmp_path: Path) -> None:
    objective, optimizer = toy_class(), SignAscent(0.05)

    def ascend(stack: da.ImageStack) -> da.Ascent:
        return da.Ascent(stack, objective, VIEWS, steps=4, optimizer=optimizer)

    first = ascend(da.ImageStack.gray(SPEC, batch=2)).run()
    assert first.history[-1].scores[objective.name] > first.history[0].scores[objective.name]
    da.save_stack(first.stack, tmp_path / "stack.safetensors")
    again, loaded = (ascend(stack).run() for stack in (first.stack, da.load_stack(tmp_path / "stack.safetensors")))
    assert torch.equal(again.image, loaded.image)
