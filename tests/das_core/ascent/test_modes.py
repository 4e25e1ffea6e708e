"""Ascents under whatever mode of PyTorch their caller is in, and judges that cannot run there: each is named."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import das_core as da
from cases import each_case
from das_core.ascent.modes import describe_mismatch
from toys import SPEC, VIEWS, classifier, judge, output_objective, toy_class


@each_case("mode", [torch.inference_mode, torch.no_grad, partial(torch.autocast, "cpu")])
def test_the_picture_is_the_same_in_every_mode(mode: Any) -> None:
    objective = toy_class()
    expected = da.Ascent(da.ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()
    with mode():
        result = da.Ascent(da.ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()
    assert torch.equal(result.image, expected.image)
    assert result.history == expected.history


def test_a_model_that_was_loaded_under_inference_mode_is_named() -> None:
    with torch.inference_mode():
        model = classifier()
    with pytest.raises(ValueError, match=r"toy was loaded under torch.inference_mode\(\), .*: load it outside"):
        da.Ascent(da.ImageStack.gray(SPEC), [da.class_objective(model, ((3, 1.0),))], VIEWS).run()


# A device that every machine has, and that is not the CPU.
THERE: Any = classifier().to("meta")
SAYS = (
    r"toy is on meta and the picture on cpu; move the model with judge\.to\('cpu'\), or the picture with device='meta'"
)


@each_case("others", [[], [da.class_objective(classifier(), 3)]])
def test_both_devices_and_the_next_step_are_named(others: list[da.Objective]) -> None:
    ascent = da.Ascent(da.ImageStack.gray(SPEC), [*others, da.class_objective(THERE, 3)], VIEWS, steps=2)
    for _ in range(2):
        with pytest.raises(ValueError, match=SAYS) as raised:
            ascent.run()
        assert isinstance(raised.value.__cause__, RuntimeError)
    assert ascent.history == []
    assert ascent.result.stack.steps == 0


def test_a_model_that_works_from_elsewhere_works_and_one_without_weights_is_everywhere() -> None:
    # It takes images from any device.
    flat, anywhere = nn.Flatten(), nn.Flatten()
    anywhere.weight = nn.Parameter(torch.ones(3, device="meta"))
    assert (
        len(da.Ascent(da.ImageStack.gray(SPEC), output_objective(judge(anywhere)), VIEWS, steps=2).run().history) == 2
    )
    assert describe_mismatch([judge(flat)], torch.device("cuda", 0)) is None
