"""Ascents under whatever mode of PyTorch their caller is in: the same picture, or a message that names the mode."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest
import torch

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.objectives.classes import class_objective
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, classifier, toy_class

MODES: tuple[Callable[[], AbstractContextManager[object]], ...] = (
    torch.inference_mode,
    torch.no_grad,
    partial(torch.autocast, "cpu"),
)


@each_case("mode", MODES)
def test_the_picture_is_the_same_in_every_mode(mode: Callable[[], AbstractContextManager[object]]) -> None:
    objective = toy_class()
    expected = Ascent(ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()
    with mode():
        result = Ascent(ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()
    assert torch.equal(result.image, expected.image)
    assert result.history == expected.history


def test_a_model_that_was_loaded_under_inference_mode_is_named() -> None:
    with torch.inference_mode():
        model = classifier()
    with pytest.raises(ValueError, match=r"toy was loaded under torch.inference_mode\(\), .*: load it outside"):
        Ascent(ImageStack.gray(SPEC), [class_objective(model, ((3, 1.0),))], VIEWS).run()
