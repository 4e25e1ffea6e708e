"""Weights of their own for the images of a batch and the frames of a film, and how much a group then counts."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from das_core.ascent.groups import name_objectives
from das_core.ascent.scoring import Scoring
from das_core.objectives.classes import ClassObjective
from das_core.objectives.diversity import DiversityObjective
from das_core.objectives.prior import Prior
from das_core.objectives.track import Track
from das_core.stack.image_stack import ImageStack
from das_core.stack.time import Time
from gradient_by_hand import CPU, PACE, SEED, STEP, film, measure, noisy
from toys import SPEC, VIEWS, class_objective, classifier


def test_pictures_of_a_batch_may_have_weights_of_their_own() -> None:
    """Without time: the track of a batch weights every image by itself, and one of weight 0 is not looked at."""
    stack, model = noisy(batch=3), classifier()
    objective = ClassObjective(model, ((3, 1.0),))
    gradient, _ = measure(stack, [Track.from_weights(objective, [1.0, 0.0, -0.5])])
    plain, _ = measure(stack, [objective])
    expected = plain * torch.tensor([1.0, 0.0, -0.5])[:, None, None, None]
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    scoring = Scoring(stack, name_objectives([Track.from_weights(objective, [1.0, 0.0, -0.5])]), VIEWS, SEED)
    assert {key.image for key in scoring.choose_keys(0, STEP, 3)} == {0, 2}


def test_a_second_judge_counts_by_the_weight_of_each_image_of_a_batch_and_over_all_of_a_film() -> None:
    stack = noisy(batch=2)
    first, second = class_objective(3), Track.from_weights(class_objective(5, seed=1), [0.5, 0.0])
    whole, _ = measure(stack, [first, second])
    one, _ = measure(stack, [first])
    operator = stack.spec.operator(CPU)
    sizes = [
        operator.precondition(part, PACE.cutoff(48), PACE.tilt).flatten(1).norm(dim=1) for part in (one, whole - one)
    ]
    torch.testing.assert_close(sizes[1] / sizes[0], torch.tensor([0.5, 0.0]), rtol=1e-3, atol=1e-6)
    # Its move is measured over the film, and in proportion to the frames that it acts on.
    stack = film(4)
    second = Track(class_objective(5, seed=1), ((0, 0.0), (1, 0.5), (2, 0.0)))
    whole, _ = measure(stack, [first, second])
    one, _ = measure(stack, [first])
    operator = stack.spec.operator(CPU)
    lengths = [operator.precondition(part, PACE.cutoff(48), PACE.tilt).norm() for part in (one, whole - one)]
    assert float(lengths[1]) / float(lengths[0]) == pytest.approx((0.5**2 / 4) ** 0.5, rel=1e-3)


def test_the_weights_of_a_track_fit_the_film() -> None:
    film = ImageStack.gray(replace(SPEC, time=Time(3)))
    with pytest.raises(ValueError, match="keyframe 9 of 'class 3' is beyond the end of 3 frames"):
        Scoring(film, name_objectives([Track(class_objective(), ((9, 1.0),))]), VIEWS, 5)
    nothing = Track.from_weights(class_objective(), [0.0, 0.0, 0.0])
    scoring = Scoring(film, name_objectives([nothing, Prior()]), VIEWS, 5)
    assert scoring.weights.shown[0] == [0, 1, 2]
    assert scoring.weights.weigh_group(0, 0.5) == 0


def test_a_group_counts_by_the_sum_of_its_weights() -> None:
    model = classifier()
    one = Track.from_weights(ClassObjective(model, ((3, 1.0),), weight=2.0), [1.0, 0.5])
    other = ClassObjective(model, ((5, 1.0),), weight=-1.0)
    pictures = Scoring(ImageStack.gray(SPEC, 2), name_objectives([one, other]), VIEWS, 5)
    weights = pictures.weights.weigh_group(0, 0.5)
    assert isinstance(weights, Tensor)
    assert weights.flatten().tolist() == [3.0, 2.0]
    film = Scoring(ImageStack.gray(replace(SPEC, time=Time(2))), name_objectives([one, other]), VIEWS, 5)
    assert film.weights.weigh_group(0, 0.5) == pytest.approx(6.5**0.5)
    assert Scoring(ImageStack.gray(SPEC, 2), name_objectives([other]), VIEWS, 5).weights.weigh_group(0, 0.5) == 1.0


def test_what_compares_images_counts_for_all_of_them() -> None:
    track = Track.from_weights(DiversityObjective.from_layer(classifier(), "0"), [1.0, 0.0])
    with pytest.raises(ValueError, match="compares all images, so it has to count for all of them"):
        Scoring(ImageStack.gray(SPEC, 2), name_objectives([track]), VIEWS, 5)
