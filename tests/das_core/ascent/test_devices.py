"""A model on another device than the picture is named with both, once it has failed there."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case
from das_core.ascent.devices import describe_mismatch
from das_core.ascent.loop import Ascent
from das_core.models.judge import Judge
from das_core.objectives.classes import class_objective
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, classifier, output_objective

# A device that every machine has, and that is not the CPU.
THERE = classifier().to("meta")
SAYS = (
    r"toy is on meta and the picture on cpu; move the model with judge\.to\('cpu'\), or the picture with device='meta'"
)


@each_case(
    "objectives",
    [
        class_objective(THERE, 3),  # type: ignore[arg-type]
        [class_objective(classifier(), 3), class_objective(THERE, 3)],  # type: ignore[arg-type]
    ],
)
def test_both_devices_and_the_next_step_are_named(objectives: Any) -> None:
    ascent = Ascent(ImageStack.gray(SPEC), objectives, VIEWS, steps=2)
    for _ in range(2):
        with pytest.raises(ValueError, match=SAYS) as raised:
            ascent.run()
        assert isinstance(raised.value.__cause__, RuntimeError)
    assert ascent.history == []
    assert ascent.result.stack.steps == 0


def test_render_says_so_too() -> None:
    with pytest.raises(ValueError, match=SAYS):
        da.render(classifier(), class_objective(THERE, 3), size=48, steps=1, progress=False)  # type: ignore[arg-type]


class Anywhere(nn.Module):
    """Has a weight elsewhere, and takes images from any device."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, device="meta"))

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3))


def test_a_model_that_works_from_elsewhere_works_and_one_without_weights_is_everywhere() -> None:
    judge = Judge("anywhere", Anywhere(), 16, (0.0,) * 3, (1.0,) * 3)
    assert len(Ascent(ImageStack.gray(SPEC), output_objective(judge), VIEWS, steps=2).run().history) == 2
    judge = Judge("mean", nn.Flatten(), 16, (0.0,) * 3, (1.0,) * 3)
    assert describe_mismatch([judge], torch.device("cuda", 0)) is None


def test_other_errors_stay_what_they_are() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, views: Tensor) -> Tensor:
            raise RuntimeError("another reason")

    judge = Judge("broken", Broken(), 16, (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(RuntimeError, match="another reason"):
        Ascent(ImageStack.gray(SPEC), output_objective(judge), VIEWS, steps=2).run()
