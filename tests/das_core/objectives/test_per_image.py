"""One objective for each image of a batch: the gradient of every image is that of its own objective alone."""

from typing import Any

import torch

import direct_ascent as da
from cases import each_case, refuses
from das_core.models.ensemble import ClassifierEnsemble
from toys import SPEC, VIEWS, classifier

TOY = classifier()
BOTH = ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)])


def channel(number: int, weight: float = 1.0, model: Any = TOY) -> da.Objective:
    return weight * da.feature("2", "channel", number).on(model)


def climb(objective: da.Objective, chunk: int = 0) -> torch.Tensor:
    return da.Ascent(da.ImageStack.gray(SPEC, 4), objective, VIEWS, steps=2, chunk=chunk).run().image


@each_case(
    ("asked", "chunk"),
    ([channel(3), channel(7), channel(1)], 4),
    ([da.classes(number).on(TOY) for number in (2, 5, 4)], 100),
    # The members of an ensemble share out the views.
    ([da.classes(number).on(BOTH) for number in (2, 5, 4)], 5),
)
def test_every_image_is_that_of_its_own_objective(asked: list[da.Objective], chunk: int) -> None:
    whole = da.one_per_image(asked)
    assert [term.weight for term in whole.terms] == [1 / len(whole.terms)] * len(asked[0].terms)
    together = climb(whole, chunk)
    for number, objective in enumerate((*asked, asked[0])):
        torch.testing.assert_close(together[number], climb(objective, chunk)[number], rtol=0, atol=2e-4)
    assert (together[0] - climb(asked[1], chunk)[0]).abs().max() > 0.01


def test_pictures_are_scored_by_their_own_objective() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    asked = [channel(3), channel(7)]
    together = da.score_images(images, da.one_per_image(asked)).table[:, 0]
    for number, objective in enumerate(asked):
        torch.testing.assert_close(together[number], da.score_images(images, objective).table[number, 0])


test_what_cannot_be_shared_out_is_refused = refuses(
    da.one_per_image,
    ((), "no objective is given; give one for each image"),
    (["goldfish", "jellyfish"], "str is no objective; make one"),
    ("goldfish", "str is no objective; make one"),
    ((da.prior(), da.prior("l2")), "must ask one model, all its output"),
    # Two models that differ in nothing but their module.
    ((channel(1), channel(2, model=classifier())), "must ask one model, all its output"),
    ((channel(1), da.classes(1).on(TOY)), "must ask one model, all its output"),
    ((da.in_region(channel(1), torch.ones(1, 8, 8)),), "has a region or an image to compare"),
    ((da.content(torch.rand(1, 3, 32, 32)).on(TOY),), "has a region or an image"),
    ((da.over_steps(channel(1), start=0.0, end=1.0),), "is scheduled, which would be lost"),
    ((da.over_frames(channel(1), [1.0, 0.0]),), "is scheduled, which would be lost"),
    ((da.diversity("2").on(TOY),), "compares all images; give it to the ascent beside"),
)
