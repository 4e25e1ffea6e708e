"""The scores of pictures, one by one, through the same views."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.image_scores import measure_image_scores
from das_core.ascent.pace import Pace
from das_core.models.ensemble import ClassifierEnsemble
from das_core.objectives.classes import class_objective
from das_core.objectives.priors import prior
from das_core.objectives.term import Objective
from das_core.stack.image_stack import ImageStack
from das_core.views.augmentation import Augmentation
from toys import SPEC, VIEWS, classifier, make_scoring, toy_class

PACE = Pace(rate=0.7, coarse_progress=0.5, progress=0.25)


def measure(
    objectives: Sequence[Objective], augmentation: Augmentation = VIEWS, batch: int = 2, chunk: int = 100
) -> dict[str, Tensor]:
    """The scores of the images of a batch, one by one."""
    stack = ImageStack.noise(SPEC, batch, amplitude=0.8)
    scoring = make_scoring(stack, objectives, augmentation, 5)
    return measure_image_scores(scoring, stack.pixels(), PACE, chunk)


def test_images_are_scored_one_by_one_through_the_same_views() -> None:
    alone = measure([toy_class()], batch=1)["class 3"]
    together = measure([toy_class()])["class 3"]
    torch.testing.assert_close(together[:1], alone)
    assert together[0] != together[1]
    same = make_scoring(ImageStack.gray(SPEC, 2), [toy_class()], VIEWS, 5)
    one, other = measure_image_scores(same, ImageStack.gray(SPEC, 2).pixels(), PACE, 100)["class 3"]
    assert float(one) == pytest.approx(float(other), abs=1e-6)


@each_case("chunk", [1, 5])
def test_chunks_change_nothing_but_rounding(chunk: int) -> None:
    asked = [toy_class(), prior()]
    for name, scores in measure(asked, chunk=chunk).items():
        torch.testing.assert_close(scores, measure(asked)[name], rtol=1e-4, atol=1e-5)


def test_an_objective_of_several_terms_is_scored_by_the_views_of_all_of_them() -> None:
    models = [classifier(seed=1), classifier(seed=2)]
    both = class_objective(ClassifierEnsemble.from_members(models), ((3, 1.0),))
    scoring = make_scoring(ImageStack.gray(SPEC), [both], VIEWS, 5)
    assert [group.choose_views(VIEWS.views, 0) for group in scoring.plan.groups] == [[0, 2, 4], [1, 3, 5]]
    assert [asked.name for asked in scoring.plan.judges] == ["toy", "toy"]
    assert measure([both])["class 3"].shape == (2,)
