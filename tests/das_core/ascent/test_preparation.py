"""Before the first step: what is refused, what is chosen, and the form that an optimizer needs."""

from dataclasses import replace
from typing import Any

import pytest
import torch

import das_core as da
from cases import each_case
from das_core.ascent.preparation import check_settings, choose_chunk, choose_focus, prepare_stack
from das_core.stack.state import LevelTensors
from toys import SPEC, climb

BAD: dict[str, dict[str, Any]] = {
    "steps 0 is not a whole number from 1 to 100000; 60 make a good picture": {"steps": 0},
    "steps 9223372036854775808 is not a whole number from 1 to": {"steps": 2**63},
    "steps 2.5 is not a whole number from 1 to": {"steps": 2.5},
    "seed 1.5 is not a whole number from 0 up": {"seed": 1.5},
    "seed -1 is not a whole number from 0 up": {"seed": -1},
    "chunk -2 is not a whole number from 0 up; 0 suits the device": {"chunk": -2},
    "chunk 0.5 is not a whole number from 0 up": {"chunk": 0.5},
    "schedule '0.5' is unknown; choose .*cosine": {"schedule": 0.5},
    # Long before the ascent comes there.
    r"returns 1\.25 at a progress of 0\.625": {"schedule": lambda progress: 2 * progress, "steps": 9},
}


@each_case("says, bad", BAD.items())
def test_a_setting_that_cannot_be_is_named(says: str, bad: dict[str, Any]) -> None:
    good: dict[str, Any] = {"steps": 1, "schedule": "cosine", "seed": 0, "chunk": 0}
    check_settings(**good)
    with pytest.raises(ValueError, match=says):
        check_settings(**(good | bad))


def test_a_gpu_takes_more_views_at_once() -> None:
    assert 0 < choose_chunk(torch.device("cpu")) < choose_chunk(torch.device("cuda"))


def test_a_new_picture_grows_and_a_tile_and_an_old_one_do_not() -> None:
    new, tile, old = (
        da.ImageStack.gray(SPEC),
        da.ImageStack.gray(da.StackSpec(32, 32, 0, tile=True)),
        climb(steps=1).stack,
    )
    assert [choose_focus("auto", stack) for stack in (new, tile, old)] == [da.Focus(), None, None]
    chosen = da.Focus(0.5, 1.0, 0.2)
    assert choose_focus(chosen, old) is chosen
    assert choose_focus(None, new) is None
    with pytest.raises(ValueError, match="a tile has no centre"):
        choose_focus(chosen, tile)
    with pytest.raises(ValueError, match="focus 'center' is unknown"):
        choose_focus("center", new)  # type: ignore[arg-type]


def test_an_optimizer_that_needs_levels_gets_what_was_added_as_levels_or_else_as_their_start() -> None:
    stack = prepare_stack(da.ImageStack.gray(SPEC), da.Adam())
    assert stack.spec.method == "layers"
    assert isinstance(stack.parameters, LevelTensors)
    assert all(not level.any() for level in stack.parameters.tensors)
    assert prepare_stack(da.ImageStack.gray(SPEC), da.SGD()).spec == SPEC
    climbed = climb(da.ImageStack.gray(replace(SPEC, method="layers")), optimizer=da.SGD(0.5), steps=2).stack
    stack = prepare_stack(climbed, da.Adam())
    assert isinstance(stack.parameters, LevelTensors)
    operator = stack.spec.operator(torch.device("cpu"))
    torch.testing.assert_close(operator.forward(stack.parameters), climbed.canvas - climbed.start, rtol=1e-3, atol=1e-4)
    moved = climb(optimizer=da.NormalizedAscent(), steps=2).stack
    assert moved.parameters is None
    assert prepare_stack(moved, da.NormalizedAscent()).start is moved.start
    assert prepare_stack(moved, da.Adam()).start is moved.canvas
    with pytest.raises(ValueError, match=r"Adam moves every picture by itself and not a film"):
        prepare_stack(da.ImageStack.gray(replace(SPEC, time=da.Time(3))), da.Adam())
