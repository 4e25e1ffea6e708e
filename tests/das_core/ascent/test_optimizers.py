"""The optimizers: sizes and directions of steps, Adam and SGD against torch's own, settings out of range."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

import direct_ascent as da
import masked_stack
from cases import each_case
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.pace import Pace
from das_core.common.masks import mean_square
from flat_stack import CANVAS, CPU, FULL, flat, gradients, naive, run
from toys import SPEC, VIEWS, toy_class


@each_case("optimizer", da.ascent.NormalizedAscent(0.05), da.ascent.SGD(0.01), da.ascent.Adam(0.02))
def test_the_rate_of_the_pace_scales_a_step(optimizer: Optimizer) -> None:
    gradient, stack = gradients(1)[0], flat("layers")
    operator = stack.spec.operator(CPU)
    whole, quarter = (optimizer.step(stack, gradient, operator, Pace(rate, 1.0)).canvas for rate in (1.0, 0.25))
    torch.testing.assert_close(quarter, whole / 4, rtol=1e-4, atol=1e-6)


@each_case("optimizer", da.ascent.SGD(0.01, 0.9), da.ascent.Adam())
def test_a_step_uses_the_state_of_its_own_kind_and_mutates_nothing(optimizer: Optimizer) -> None:
    (first, second), stack = gradients(2), flat("layers")
    operator = stack.spec.operator(CPU)
    fresh = optimizer.step(stack, second, operator, FULL).canvas
    own = optimizer.step(stack, first, operator, FULL).optimizer_state
    assert own is not None
    assert own.kind == optimizer.kind
    given = (stack.canvas, second, *own.tensors)
    kept = [tensor.clone() for tensor in given]
    for state, alike in ((replace(own, kind="another"), True), (own, False)):
        after = optimizer.step(replace(stack, optimizer_state=state), second, operator, FULL).canvas
        assert torch.equal(after, fresh) is alike
    assert all(torch.equal(before, now) for before, now in zip(kept, given, strict=True))


BAD: dict[Any, dict[str, tuple[float, ...]]] = {
    da.ascent.NormalizedAscent: {"step_size": (0, math.nan, 1e308), "coarse_to_fine": (1.1,), "tilt": (4.1,)},
    da.ascent.SGD: {"learning_rate": (-1, 1e308), "momentum": (-0.1,)},
    da.ascent.Adam: {"learning_rate": (0,)},
}


@each_case("kind", *BAD)
def test_settings_out_of_range_are_refused(kind: Any) -> None:
    for name, values in BAD[kind].items():
        for value in values:
            with pytest.raises(ValueError, match=f"^{name} {re.escape(str(value))} "):
                kind(**{name: value})


@dataclass(frozen=True)
class SignAscent(da.ascent.Optimizer):
    """An optimizer as docs/extending.md tells to write one: it moves every value of the canvas equally far."""

    distance: float

    def step(self, stack: da.ImageStack, *arguments: Any) -> da.ImageStack:
        """Move by the sign of the sum of all directions so far."""
        gradient, operator, pace, _ = arguments
        total = operator.precondition(gradient, pace.cutoff(min(operator.canvas)), pace.tilt)
        old = self.recall(stack, [total.shape])
        total = total if old is None else total + old.tensors[0]
        canvas = stack.canvas + self.distance * pace.rate * total.sign()
        return replace(stack, canvas=canvas, optimizer_state=self.remember(total))


def test_an_optimizer_written_as_the_page_says_climbs_and_continues_from_a_file(tmp_path: Path) -> None:
    objective, optimizer = toy_class(), SignAscent(0.05)

    def ascend(stack: da.ImageStack) -> da.Ascent:
        return da.Ascent(stack, objective, VIEWS, steps=4, optimizer=optimizer)

    first = ascend(da.ImageStack.gray(SPEC, batch=2)).run()
    assert first.history[-1].scores[objective.name] > first.history[0].scores[objective.name]
    da.stack.save_stack(first.stack, tmp_path / "stack.safetensors")
    again, loaded = (
        ascend(stack).run() for stack in (first.stack, da.stack.load_stack(tmp_path / "stack.safetensors"))
    )
    assert torch.equal(again.image, loaded.image)
    # It has gone on with what it remembered, and another kind would not have.
    assert not torch.equal(again.image, ascend(replace(first.stack, optimizer_state=None)).run().image)
    assert (optimizer.kind, optimizer.recall(first.stack, [first.stack.canvas.shape]) is None) == ("SignAscent", False)
    assert da.ascent.SGD().recall(first.stack, [first.stack.canvas.shape]) is None


@each_case(
    ("optimizer", "theirs"),
    (da.ascent.Adam(0.02), lambda levels: torch.optim.Adam(levels, lr=0.02)),
    (da.ascent.SGD(0.01, 0.0), lambda levels: torch.optim.SGD(levels, lr=0.01)),
    (da.ascent.SGD(0.01, 0.9), lambda levels: torch.optim.SGD(levels, lr=0.01, momentum=0.9)),
)
def test_steps_are_those_of_torchs_optimizers_on_explicit_levels(optimizer: Optimizer, theirs: Any) -> None:
    moved = run(optimizer, gradients(), "layers").canvas
    torch.testing.assert_close(moved, naive(theirs, gradients()), rtol=1e-4, atol=1e-5)


def test_every_channel_that_has_a_gradient_moves_by_the_step_size() -> None:
    gradient = gradients(1)[0] * torch.tensor([1e-6, 0.0, 1e6])[:, None, None]
    moved = run(da.ascent.NormalizedAscent(0.05), [gradient], "spectral").canvas
    assert moved.square().mean(dim=(2, 3)).sqrt()[0].tolist() == pytest.approx([0.05, 0.0, 0.05])


def test_the_rms_is_that_of_what_lies_under_a_mask_such_as_that_of_a_stack() -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    mask = torch.zeros(1, 1, *CANVAS)
    mask[..., 4:12, 6:20] = torch.linspace(0.2, 1.0, 14)
    moved = da.ascent.NormalizedAscent(0.05).step(stack, gradient, stack.spec.operator(CPU), FULL, mask).canvas
    weighted = (moved.double().square() * mask).sum(dim=(2, 3)) / mask.double().sum()
    torch.testing.assert_close(weighted.sqrt(), torch.full_like(weighted, 0.05), rtol=1e-4, atol=0)
    # The direction is that without a mask: what lies outside is not cut off.
    free = da.ascent.NormalizedAscent(0.05).step(stack, gradient, stack.spec.operator(CPU), FULL).canvas
    assert float(torch.cosine_similarity(moved[0, 0].flatten(), free[0, 0].flatten(), dim=0)) > 0.99999
    masked, optimizer = masked_stack.part(), da.ascent.NormalizedAscent(0.06)
    ascent = da.Ascent(masked, toy_class(), masked_stack.VIEWS, steps=1, optimizer=optimizer, denoising=None)
    climbed = ascent.run().stack
    assert climbed.surroundings is not None
    rms = mean_square(climbed.canvas - masked.canvas, climbed.surroundings.mask).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.06), rtol=1e-4, atol=0)


@each_case("pace", FULL, Pace(1.0, 0.25), replace(FULL, tilt=1.0))
def test_steps_go_along_k_which_is_low_passed_while_they_are_coarse_and_tilted(pace: Pace) -> None:
    gradient, stack = gradients(1)[0], flat("spectral")
    operator = stack.spec.operator(CPU)
    moved = da.ascent.NormalizedAscent(0.05).step(stack, gradient, operator, pace).canvas
    direction = operator.precondition(gradient, pace.cutoff(CANVAS[0]))
    if pace.tilt:
        direction = operator.basis.filter(direction, operator.basis.tilt(pace.tilt))
    expected = 0.05 * direction / direction.square().mean(dim=(2, 3), keepdim=True).sqrt()
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)
