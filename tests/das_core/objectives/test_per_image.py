"""One objective for each image of a batch: the gradient of every image is that of its own objective alone."""

from typing import Any

import pytest
import torch

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.models.ensemble import ClassifierEnsemble
from das_core.objectives.base import Objective
from das_core.objectives.classes import ClassObjective
from das_core.objectives.content import ContentObjective
from das_core.objectives.diversity import DiversityObjective
from das_core.objectives.feature import FeatureObjective
from das_core.objectives.per_image import PerImageObjective
from das_core.objectives.prior import Prior
from das_core.objectives.wrapped import RegionObjective, ScheduledObjective
from das_core.report.objective_scores import score_images
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, classifier


def channels(*numbers: int) -> list[FeatureObjective]:
    model = classifier()
    return [FeatureObjective.from_layer(model, "2", "channel", number) for number in numbers]


def classes(*numbers: int) -> list[ClassObjective]:
    model = classifier()
    return [ClassObjective(model, ((number, 1.0),)) for number in numbers]


def climb(objective: Objective, batch: int, chunk: int = 0) -> torch.Tensor:
    return Ascent(ImageStack.gray(SPEC, batch), objective, VIEWS, steps=3, chunk=chunk).run().image


@each_case("chunk", [1, 4, 100])
@each_case(
    "asked",
    [channels(3, 7, 1), classes(2, 5, 4)],
)
def test_every_image_is_that_of_its_own_objective(asked: list[Objective], chunk: int) -> None:
    together = climb(PerImageObjective(tuple(asked)), 4, chunk)
    for number, objective in enumerate((*asked, asked[0])):
        alone = climb(objective, 4, chunk)[number]
        torch.testing.assert_close(together[number], alone, rtol=0, atol=2e-4)
    assert (together[0] - climb(asked[1], 4, chunk)[0]).abs().max() > 0.01


def test_the_members_of_an_ensemble_share_out_the_views() -> None:
    both = ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)])
    asked = [ClassObjective(both, ((number, 1.0),)) for number in (2, 5)]
    together = PerImageObjective(tuple(asked))
    assert [term.weight for term in together.terms()] == [0.5, 0.5]
    torch.testing.assert_close(climb(together, 2)[1], climb(asked[1], 2)[1], rtol=0, atol=2e-4)


def test_pictures_are_scored_by_their_own_objective() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    asked = channels(3, 7)
    together = score_images(images, PerImageObjective(tuple(asked))).table[:, 0]
    for number, objective in enumerate(asked):
        alone = score_images(images, objective).table[number, 0]
        torch.testing.assert_close(together[number], alone)


TWICE = classifier()


@each_case(
    ("objectives", "says"),
    [
        ((), "no objective is given; give one for each image"),
        ((Prior(), Prior("l2")), "must ask one model, all its output"),
        # Two models that differ in nothing but their module.
        ((*channels(1), *channels(2)), "must ask one model, all its output"),
        ((*channels(1), ClassObjective(classifier(), ((1, 1.0),))), "must ask one model, all its output"),
        ((RegionObjective(channels(1)[0], torch.ones(1, 8, 8)),), "has a region or an image to compare"),
        ((ContentObjective.from_images(classifier(), torch.rand(1, 3, 32, 32)),), "has a region or an image"),
        ((ScheduledObjective(channels(1)[0], start=0.0, end=1.0),), "is scheduled, which would be lost"),
        ((DiversityObjective.from_layer(classifier(), "2"),), "compares all images; give it to the ascent beside"),
        (
            tuple(FeatureObjective.from_layer(TWICE, "2", weight=weight) for weight in (1.0, 2.0)),
            "have different weights; give all the same, such as 1",
        ),
    ],
)
def test_what_cannot_be_shared_out_is_refused(objectives: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PerImageObjective(objectives)
