"""Before the first step: what is refused, what is chosen, and the form that an optimizer needs."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.focus import Focus
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.preparation import check_settings, choose_chunk, choose_focus, prepare_stack
from das_core.ascent.sgd import SGD
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.stack.time import Time
from toys import SPEC, climb


@each_case(
    ("bad", "says"),
    [
        ({"steps": 0}, "steps 0 is not a whole number from 1 to 100000; 60 make a good picture"),
        ({"steps": 2**63}, "steps 9223372036854775808 is not a whole number from 1 to"),
        ({"steps": 2.5}, "steps 2.5 is not a whole number from 1 to"),
        ({"seed": 1.5}, "seed 1.5 is not a whole number from 0 up"),
        ({"seed": -1}, "seed -1 is not a whole number from 0 up"),
        ({"chunk": -2}, "chunk -2 is not a whole number from 0 up; 0 suits the device"),
        ({"chunk": 0.5}, "chunk 0.5 is not a whole number from 0 up"),
        ({"schedule": 0.5}, "schedule '0.5' is unknown; choose .*cosine"),
        # Long before the ascent comes there.
        ({"schedule": lambda progress: 2 * progress, "steps": 9}, r"returns 1\.25 at a progress of 0\.625"),
    ],
)
def test_a_setting_that_cannot_be_is_named(bad: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {"steps": 1, "schedule": "cosine", "seed": 0, "chunk": 0}
    check_settings(**good)
    with pytest.raises(ValueError, match=says):
        check_settings(**(good | bad))


def test_a_gpu_takes_more_views_at_once() -> None:
    assert 0 < choose_chunk(torch.device("cpu")) < choose_chunk(torch.device("cuda"))


def test_a_new_picture_grows_and_a_tile_and_an_old_one_do_not() -> None:
    new, tile, old = ImageStack.gray(SPEC), ImageStack.gray(StackSpec(32, 32, 0, tile=True)), climb(steps=1).stack
    assert [choose_focus("auto", stack) for stack in (new, tile, old)] == [Focus(), None, None]
    chosen = Focus(0.5, 1.0, 0.2)
    assert choose_focus(chosen, old) is chosen
    assert choose_focus(None, new) is None
    with pytest.raises(ValueError, match="a tile has no centre"):
        choose_focus(chosen, tile)
    with pytest.raises(ValueError, match="focus 'center' is unknown"):
        choose_focus("center", new)  # type: ignore[arg-type]


def test_an_optimizer_that_needs_levels_gets_what_was_added_as_levels_or_else_as_their_start() -> None:
    stack = prepare_stack(ImageStack.gray(SPEC), Adam())
    assert stack.spec.method == "layers"
    assert isinstance(stack.parameters, LevelTensors)
    assert all(not level.any() for level in stack.parameters.tensors)
    assert prepare_stack(ImageStack.gray(SPEC), SGD()).spec == SPEC
    climbed = climb(ImageStack.gray(replace(SPEC, method="layers")), optimizer=SGD(0.5), steps=2).stack
    stack = prepare_stack(climbed, Adam())
    assert isinstance(stack.parameters, LevelTensors)
    operator = stack.spec.operator(torch.device("cpu"))
    torch.testing.assert_close(operator.forward(stack.parameters), climbed.canvas - climbed.start, rtol=1e-3, atol=1e-4)
    moved = climb(optimizer=NormalizedAscent(), steps=2).stack
    assert moved.parameters is None
    assert prepare_stack(moved, NormalizedAscent()).start is moved.start
    assert prepare_stack(moved, Adam()).start is moved.canvas
    with pytest.raises(ValueError, match=r"Adam moves every picture by itself and not a film"):
        prepare_stack(ImageStack.gray(replace(SPEC, time=Time(3))), Adam())
