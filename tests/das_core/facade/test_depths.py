"""Objectives of a zoom, as they are measured: on its depths alone."""

import torch

from das_core.facade.depths import convert_to_depths
from das_core.objectives.change import over_frames
from das_core.objectives.classes import class_objective
from das_core.objectives.content import content_objective
from das_core.objectives.per_image import one_per_image
from das_core.report.objective_scores import score_images
from das_core.stack.zoom import Zoom
from toys import classifier, random_views, toy_class

TOY = classifier()
PICTURES = random_views(32, 3)


def test_a_depth_has_the_reference_image_of_its_moment() -> None:
    for zoom in (Zoom(3), Zoom(3, loop=True)):
        images = random_views(32, len(zoom.moments))
        picked = convert_to_depths(content_objective(TOY, images), zoom)
        ((depths,),) = [term.references for term in picked.terms]
        assert torch.equal(depths, images[[zoom.moments.index(depth) for depth in range(3)]])
        picked = convert_to_depths(content_objective(TOY, images[:1]), zoom)
        assert [len(one) for term in picked.terms for one in term.references] == [1]


def test_a_depth_is_scored_as_the_moment_that_it_is_and_other_objectives_are_measured_as_they_are() -> None:
    asked = [class_objective(TOY, number) for number in (3, 5, 7, 1, 2)]
    # Depths 0, 1 and 2 are the moments 0, 4 and 8, for which the classes are asked in turn.
    scores = score_images(PICTURES, convert_to_depths(one_per_image(asked), Zoom(3))).table[:, 0]
    alone = [score_images(PICTURES, objective).table[:, 0] for objective in asked]
    torch.testing.assert_close(scores, torch.stack([alone[0][0], alone[4][1], alone[3][2]]))
    others = over_frames(toy_class(3), ((0, 1.0), (2, 0.0))) + toy_class(5) + toy_class(7)
    measured, expected = (score_images(PICTURES, given) for given in (convert_to_depths(others, Zoom(3)), others))
    assert measured.names == expected.names == ("class 3", "class 5", "class 7")
    assert torch.equal(measured.table, expected.table)
