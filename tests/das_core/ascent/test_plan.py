"""The plan of an ascent: weights of images and frames of their own, and how much a group then counts."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from das_core.objectives.change import over_frames
from das_core.objectives.classes import class_objective
from das_core.objectives.diversity import diversity_objective
from das_core.objectives.priors import prior
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from gradient_by_hand import CPU, PACE, SEED, STEP, film, measure, noisy
from toys import SPEC, VIEWS, classifier, make_scoring, toy_class


def test_pictures_of_a_batch_may_have_weights_of_their_own() -> None:
    """Without time: the track of a batch weights every image by itself, and one of weight 0 is not looked at."""
    stack, model = noisy(batch=3), classifier()
    objective = class_objective(model, ((3, 1.0),))
    gradient, _ = measure(stack, [over_frames(objective, [1.0, 0.0, -0.5])])
    plain, _ = measure(stack, [objective])
    expected = plain * torch.tensor([1.0, 0.0, -0.5])[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    scoring = make_scoring(stack, [over_frames(objective, [1.0, 0.0, -0.5])], VIEWS, SEED)
    assert {key.image for key in scoring.choose_keys(0, STEP, 3)} == {0, 2}


def test_a_second_judge_counts_by_the_weight_of_each_image_of_a_batch_and_over_all_of_a_film() -> None:
    stack = noisy(batch=2)
    first, second = toy_class(3), over_frames(toy_class(5, seed=1), [0.5, 0.0])
    whole, _ = measure(stack, [first, second])
    one, _ = measure(stack, [first])
    operator = stack.spec.operator(CPU)
    sizes = [
        operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in (one, whole - one)
    ]
    torch.testing.assert_close(sizes[1] / sizes[0], torch.tensor([0.5, 0.0]), rtol=1e-3, atol=1e-6)
    # Its move is measured over the film, and in proportion to the frames that it acts on.
    stack = film(4)
    second = over_frames(toy_class(5, seed=1), ((0, 0.0), (1, 0.5), (2, 0.0)))
    whole, _ = measure(stack, [first, second])
    one, _ = measure(stack, [first])
    operator = stack.spec.operator(CPU)
    lengths = [operator.precondition(part, PACE.cutoff(48), PACE.tilt).norm() for part in (one, whole - one)]
    assert float(lengths[1]) / float(lengths[0]) == pytest.approx((0.5**2 / 4) ** 0.5, rel=1e-3)


def test_the_weights_of_a_track_fit_the_film() -> None:
    film = ImageStack.gray(replace(SPEC, time=Time(3)))
    with pytest.raises(ValueError, match="keyframe 9 of 'class 3' is beyond the end of 3 frames"):
        make_scoring(film, [over_frames(toy_class(), ((9, 1.0),))], VIEWS, 5)
    nothing = over_frames(toy_class(), [0.0, 0.0, 0.0])
    scoring = make_scoring(film, [nothing, prior()], VIEWS, 5)
    assert scoring.plan.groups[0].shown == [0, 1, 2]
    assert scoring.plan.groups[0].weigh(0.5, CPU) == 0


def test_a_group_counts_by_the_sum_of_its_weights() -> None:
    model = classifier()
    one = over_frames(class_objective(model, ((3, 1.0),), weight=2.0), [1.0, 0.5])
    other = class_objective(model, ((5, 1.0),), weight=-1.0)
    pictures = make_scoring(ImageStack.gray(SPEC, 2), [one, other], VIEWS, 5)
    weights = pictures.plan.groups[0].weigh(0.5, CPU)
    assert isinstance(weights, Tensor)
    assert weights.flatten().tolist() == [3.0, 2.0]
    film = make_scoring(ImageStack.gray(replace(SPEC, time=Time(2))), [one, other], VIEWS, 5)
    assert film.plan.groups[0].weigh(0.5, CPU) == pytest.approx(6.5**0.5)
    assert make_scoring(ImageStack.gray(SPEC, 2), [other], VIEWS, 5).plan.groups[0].weigh(0.5, CPU) == 1.0


def test_what_compares_images_counts_for_all_of_them() -> None:
    track = over_frames(diversity_objective(classifier(), "0"), [1.0, 0.0])
    with pytest.raises(ValueError, match="compares all images, so it has to count for all of them"):
        make_scoring(ImageStack.gray(SPEC, 2), [track], VIEWS, 5)
