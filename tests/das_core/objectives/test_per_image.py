"""One objective for each image of a batch: the gradient of every image is that of its own objective alone."""

from typing import Any

import pytest
import torch

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.models.ensemble import ClassifierEnsemble
from das_core.objectives.change import in_region, over_frames, over_steps
from das_core.objectives.classes import class_objective
from das_core.objectives.content import content_objective
from das_core.objectives.diversity import diversity_objective
from das_core.objectives.feature import feature_objective
from das_core.objectives.per_image import one_per_image
from das_core.objectives.priors import prior
from das_core.objectives.term import Objective
from das_core.report.objective_scores import score_images
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, classifier


def channels(*numbers: int) -> list[Objective]:
    model = classifier()
    return [feature_objective(model, "2", "channel", number) for number in numbers]


def classes(*numbers: int) -> list[Objective]:
    model = classifier()
    return [class_objective(model, ((number, 1.0),)) for number in numbers]


def climb(objective: Objective, batch: int, chunk: int = 0) -> torch.Tensor:
    return Ascent(ImageStack.gray(SPEC, batch), objective, VIEWS, steps=3, chunk=chunk).run().image


@each_case("chunk", [1, 4, 100])
@each_case(
    "asked",
    [channels(3, 7, 1), classes(2, 5, 4)],
)
def test_every_image_is_that_of_its_own_objective(asked: list[Objective], chunk: int) -> None:
    together = climb(one_per_image(tuple(asked)), 4, chunk)
    for number, objective in enumerate((*asked, asked[0])):
        alone = climb(objective, 4, chunk)[number]
        torch.testing.assert_close(together[number], alone, rtol=0, atol=2e-4)
    assert (together[0] - climb(asked[1], 4, chunk)[0]).abs().max() > 0.01


def test_the_members_of_an_ensemble_share_out_the_views() -> None:
    both = ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)])
    asked = [class_objective(both, ((number, 1.0),)) for number in (2, 5)]
    together = one_per_image(tuple(asked))
    assert [term.weight for term in together.terms] == [0.5, 0.5]
    torch.testing.assert_close(climb(together, 2)[1], climb(asked[1], 2)[1], rtol=0, atol=2e-4)


def test_pictures_are_scored_by_their_own_objective() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    asked = channels(3, 7)
    together = score_images(images, one_per_image(tuple(asked))).table[:, 0]
    for number, objective in enumerate(asked):
        alone = score_images(images, objective).table[number, 0]
        torch.testing.assert_close(together[number], alone)


TWICE = classifier()


@each_case(
    ("objectives", "says"),
    [
        ((), "no objective is given; give one for each image"),
        ((prior(), prior("l2")), "must ask one model, all its output"),
        # Two models that differ in nothing but their module.
        ((*channels(1), *channels(2)), "must ask one model, all its output"),
        ((*channels(1), class_objective(classifier(), ((1, 1.0),))), "must ask one model, all its output"),
        ((in_region(channels(1)[0], torch.ones(1, 8, 8)),), "has a region or an image to compare"),
        ((content_objective(classifier(), torch.rand(1, 3, 32, 32)),), "has a region or an image"),
        ((over_steps(channels(1)[0], start=0.0, end=1.0),), "is scheduled, which would be lost"),
        ((over_frames(channels(1)[0], [1.0, 0.0]),), "is scheduled, which would be lost"),
        ((diversity_objective(classifier(), "2"),), "compares all images; give it to the ascent beside"),
        (
            tuple(feature_objective(TWICE, "2", weight=weight) for weight in (1.0, 2.0)),
            "have different weights; give all the same, such as 1",
        ),
    ],
)
def test_what_cannot_be_shared_out_is_refused(objectives: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        one_per_image(objectives)
