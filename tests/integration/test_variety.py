"""Ascents that ask by a part of a classifier's features: other pictures for other seeds and images, else as ever."""

from dataclasses import replace

import torch

from das_core.ascent.plan import make_plan
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.sources.starters import load_starter
from das_core.objectives.classes import class_objective
from das_core.objectives.term import Objective
from das_core.report.objective_scores import score_images
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, classifier, climb, count_hooks, toy_class

STILL = Augmentation(4, Windows(0, 1.0, 1.0), transforms=())
"""Views without draws: what differs then is what counts of the features."""


def test_a_classifier_with_and_without_variety_makes_two_groups() -> None:
    model = classifier()

    def varied(target: int, variety: float) -> Objective:
        return class_objective(model, ((target, 1.0),), variety=variety)

    plan = make_plan([varied(3, 0.5), varied(3, 0.0), varied(1, 0.5), varied(3, 0.25)], SPEC, 1)
    assert [[member.name for member in group.members] for group in plan.groups] == [
        ["class 3", "class 1"],
        ["class 3 (2)"],
        ["class 3 (3)"],
    ]


def test_every_member_of_an_ensemble_leaves_something_out() -> None:
    both = ClassifierEnsemble.from_members([classifier(seed=0), classifier(seed=1)])
    varied = class_objective(both, ((3, 1.0),), variety=0.5)
    assert [getattr(term.judge, "share", None) for term in varied.terms] == [0.5, 0.5]
    assert not torch.equal(climb(objectives=varied).image, climb(objectives=class_objective(both, ((3, 1.0),))).image)


def test_scores_of_finished_images_are_by_all_features() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    scores = [score_images(images, toy_class(variety=variety), STILL) for variety in (0.0, 0.5)]
    assert torch.equal(scores[0].totals, scores[1].totals)


def test_a_real_classifier_climbs_and_keeps_no_hook() -> None:
    starter = load_starter()
    varied = class_objective(starter, "jellyfish", variety=0.3)
    image = climb(objectives=[varied], augmentation=replace(STILL, views=1), steps=12).image
    # Judged by all features: those of a step are drawn, so scores of two steps do not compare.
    before, after = (starter.probabilities(one)[0, 107] for one in (torch.full_like(image, 0.5), image))
    assert after > 10 * before
    assert count_hooks(starter.module) == 0
