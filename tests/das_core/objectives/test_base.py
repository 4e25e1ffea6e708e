"""The defaults of `BaseObjective`, and what an ascent needs of an objective."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.models.judge import Judge
from das_core.models.layers.activations import Activations, make_activation_judge
from das_core.objectives.base import BaseObjective, Objective, list_objectives
from das_core.objectives.content import ContentObjective
from das_core.objectives.embedding import ImageObjective, TextObjective
from das_core.objectives.feature import FeatureObjective
from das_core.objectives.prior import CanvasPixels, Prior
from das_core.objectives.style import StyleObjective
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.stack.image_stack import ImageStack
from tinyclip import clip
from toys import SPEC, VIEWS, class_objective, classifier, climb, judge


class Mean(nn.Module):
    """The mean of each view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(1, 2, 3))[:, None]


@dataclass(frozen=True)
class Least(BaseObjective):
    """No more than an objective has to define."""

    judge: Judge | None
    weight: float = 1.0
    name: str = "least"

    def score(self, output: Tensor | CanvasPixels) -> Tensor:
        return output.pixels.mean(dim=(1, 2, 3)) if isinstance(output, CanvasPixels) else output[:, 0]


def picture(batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, 40, 40, generator=torch.Generator().manual_seed(0))


MAKERS: dict[str, Callable[[], Objective]] = {
    "class": class_objective,
    "content": lambda: ContentObjective.from_images(classifier(), picture()),
    "feature": lambda: FeatureObjective.from_layer(classifier(), "2"),
    "image": lambda: ImageObjective.from_images(clip(), picture()),
    "prior": Prior,
    "region": lambda: RegionObjective(class_objective(), torch.ones(1, 8, 8)),
    "scheduled": lambda: ScheduledObjective(class_objective()),
    "style": lambda: StyleObjective.from_images(classifier(), picture()),
    "text": lambda: TextObjective.from_text(clip(), "a cat"),
}
"""One objective of each class in the package, with its defaults."""


def test_by_default_an_objective_acts_everywhere_has_its_weight_throughout_and_no_references() -> None:
    least = Least(judge(Mean()), weight=-0.7)
    assert least.regions == ()
    assert least.reference_images == ()
    assert [least.weight_at(progress) for progress in (0.0, 0.31, 1.0)] == [-0.7] * 3
    assert replace(Least(judge(Mean())), weight=4.0).weight_at(0.5) == 4.0


@each_case("asked", [judge(Mean()), None])
def test_judge_weight_name_and_score_are_enough_for_an_ascent(asked: Judge | None) -> None:
    brighter = climb(objectives=[Least(asked)], steps=4)
    assert list(brighter.history[0].scores) == ["least"]
    assert float(brighter.image.mean()) > 0.52
    darker = climb(objectives=[Least(asked, weight=-1.0)], steps=4)
    assert float(darker.image.mean()) < 0.48


@dataclass(frozen=True)
class Compared(Least):
    """An objective with two reference images, which it weights differently."""

    images: tuple[Tensor, ...] = ()

    @property
    def reference_images(self) -> tuple[Tensor, ...]:
        return self.images

    def score(self, output: Activations) -> Tensor:  # type: ignore[override]
        first, second = output.references
        return (output["1"] - 2 * first["1"] - second["1"]).flatten(1).mean(dim=1)


def test_references_come_in_the_order_of_the_reference_images() -> None:
    # A module that passes its views on, so that scores can be told from the images alone.
    seen = make_activation_judge(judge(nn.Sequential(nn.Identity(), nn.Identity()), 16), ["1"])
    images = tuple(torch.full((1, 3, 8, 8), value) for value in (0.1, 0.2))
    step = next(iter(Ascent(ImageStack.gray(SPEC), [Compared(seen, images=images)], replace(VIEWS, transforms=()))))
    assert step.record.scores["least"] == pytest.approx(0.5 - 2 * 0.1 - 0.2, abs=1e-5)


@each_case("kind", MAKERS)
def test_every_objective_of_the_package_has_what_the_protocol_asks_for(kind: str) -> None:
    objective = MAKERS[kind]()
    (term,) = objective.terms()
    sizes = [abs(term.weight_at(progress)) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert max(sizes) == pytest.approx(abs(objective.weight))
    assert objective.name
    assert len(term.regions) == (kind == "region")
    assert len(term.reference_images) == (kind == "content")
    assert (term.judge is None) == (kind == "prior")


@each_case(
    ("objectives", "says"),
    [
        ([], "no objective is given, so there is nothing to climb; give at least one"),
        ([replace(class_objective(), weight=0.0)] * 2, "the weights of all objectives are 0"),
        (judge(Mean()), "Judge is no objective; make one"),
    ],
)
def test_what_cannot_be_climbed_is_named(objectives: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list_objectives(objectives)


def test_one_weight_is_enough() -> None:
    assert len(list_objectives([replace(class_objective(), weight=0.0), class_objective()])) == 2
