"""The images of a batch pushed apart: the formula, who is compared with whom, and ascents that show more."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case, refuses
from das_core.models.layers.activations import Activations
from toys import SPEC, VIEWS, classifier, score, toy_class

TOY = classifier()
APART = da.diversity("2").on(TOY)
CHANNEL = da.feature("2", "channel", 3).on(TOY)


def activations(*shape: int) -> Activations:
    return Activations({"2": torch.randn(*shape, generator=torch.Generator().manual_seed(0))})


def measure(features: Tensor, images: Sequence[int]) -> list[float]:
    """Return the scores by the words of the docstring, pair by pair."""
    grams = []
    for view in features.numpy().astype(np.float64):
        flat = view.reshape(len(view), -1)
        grams.append(sum(np.outer(flat[:, place], flat[:, place]) for place in range(flat.shape[1])))
    units = [gram / np.linalg.norm(gram) for gram in grams]
    numbers = [list(images[:place]).count(image) for place, image in enumerate(images)]
    views = list(zip(units, images, numbers, strict=True))
    return [
        1 - float(np.mean([np.sum(unit * other) for other, theirs, same in views if theirs != own and same == number]))
        for unit, own, number in views
    ]


@each_case("positions", (), (5,), (3, 4))
@each_case("images", [0, 1], [0, 1, 2, 0, 1, 2], [4, 4, 1, 1, 0, 0], [2, 0, 0, 2])
def test_the_score_is_one_minus_the_mean_cosine_of_gram_matrices(positions: tuple[int, ...], images: list[int]) -> None:
    output = activations(len(images), 6, *positions)
    scores = score(APART, output, torch.tensor(images))
    assert scores.tolist() == pytest.approx(measure(output["2"], images), abs=1e-5)


def test_images_that_belong_together_are_compared_among_themselves() -> None:
    images, output = [0, 3, 1, 2, 2, 1, 3, 0], activations(8, 6, 3, 4)
    scores = score(da.diversity("2", together=2).on(TOY), output, torch.tensor(images))
    for pair in ([0, 2, 5, 7], [1, 3, 4, 6]):  # the views of the images 0 and 1, and of 2 and 3
        expected = measure(output["2"][pair], [images[view] for view in pair])
        assert scores[pair].tolist() == pytest.approx(expected, abs=1e-5)


NO_COUNTERPART = "none of another image to compare it with; give as many views of every"


test_views_without_a_counterpart_and_unknown_layers_are_refused = refuses(
    lambda ask: ask(),
    (lambda: score(APART, activations(2, 6), torch.tensor([0, 0])), NO_COUNTERPART),
    (
        lambda: score(APART, activations(3, 6), torch.tensor([0, 1, 1])),
        f"the diversity of 2 is given a view of image 1 and {NO_COUNTERPART}",
    ),
    # Before the first step.
    (lambda: da.Ascent(da.ImageStack.gray(SPEC), APART), "'2 diversity' compares the images of a batch, and there"),
    (lambda: da.score_images(torch.rand(1, 3, 40, 40), [APART]), "compares the images of a batch"),
    (lambda: da.diversity("9").on(TOY), "layer '9' is not in toy"),
)


def climb(objectives: Any, steps: int = 2, chunk: int = 0) -> Tensor:
    return da.Ascent(da.ImageStack.gray(SPEC, 3), objectives, VIEWS, steps=steps, chunk=chunk, seed=1).run().image


def test_the_picture_does_not_depend_on_how_many_views_are_seen_at_once_and_all_images_are_seen_together() -> None:
    seen: list[list[int]] = []
    (term,) = APART.list_terms()

    def watch(output: Activations, images: Tensor) -> Tensor:
        seen.append(images.tolist())
        return term.score(output, images)

    reference = climb([CHANNEL, APART], chunk=100)
    for chunk in (1, 7):
        torch.testing.assert_close(climb([CHANNEL, APART], chunk=chunk), reference, rtol=0, atol=2e-4)
    assert (climb(CHANNEL) - reference).abs().max() > 0.01
    climb(da.Objective((replace(term, score=watch),)), steps=1, chunk=7)
    assert seen == [[0, 1, 2, 0, 1, 2]] * 3


def test_a_wrapped_one_still_compares_and_an_ensemble_shares_out_its_views() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, 8:] = 1
    assert climb(da.over_steps(da.in_region(APART, mask), 1.0, 0.5)).isfinite().all()
    both = da.share_views(APART, toy_class())
    assert [term.compares_images for term in both.list_terms()] == [True, False]
    assert climb(both).isfinite().all()


@each_case("weight", 0.5, -0.5)
def test_the_objective_beside_it_keeps_its_own_views_and_scores(weight: float) -> None:
    """The scores of the first step, which both ascents begin with, are those without the diversity."""
    asked: list[da.Objective] = [CHANNEL, (weight * da.diversity("2").on(TOY))]
    ascents = [da.Ascent(da.ImageStack.noise(SPEC, 3), each, VIEWS, steps=1) for each in ([CHANNEL], asked)]
    alone, beside = (next(iter(ascent)).record.scores["2 channel 3"] for ascent in ascents)
    assert alone == beside


def test_every_picture_gets_the_score_of_its_own_views() -> None:
    noise = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    pictures = torch.cat([noise, noise, torch.full_like(noise, 0.2)])
    scores = da.score_images(pictures, [CHANNEL, APART])
    first, second, odd = scores.table[:, 1].tolist()
    assert first == pytest.approx(second, abs=1e-5)
    assert odd > 1.5 * first > 0
    torch.testing.assert_close(scores.table[:, 0], da.score_images(pictures, CHANNEL).table[:, 0])
