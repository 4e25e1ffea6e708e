"""The images of a batch pushed apart: the formula, who is compared with whom, and ascents that show more."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from benchmarks.distances import mean_difference_from_afar
from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.models.layers.activations import Activations
from das_core.models.sources.starters import load_starter
from das_core.objectives.change import in_region, over_steps, share_views
from das_core.objectives.diversity import diversity_objective
from das_core.objectives.feature import feature_objective
from das_core.objectives.term import Objective
from das_core.report.objective_scores import score_images
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import SPEC, VIEWS, classifier, score, toy_class

TOY = classifier()
APART = diversity_objective(TOY, "2")
CHANNEL = feature_objective(TOY, "2", "channel", 3)


def activations(*shape: int, seed: int = 0) -> Activations:
    return Activations({"2": torch.randn(*shape, generator=torch.Generator().manual_seed(seed))})


def measure(features: Tensor, images: Sequence[int]) -> list[float]:
    """Return the scores by the words of the docstring, pair by pair."""
    grams = []
    for view in features.numpy().astype(np.float64):
        flat = view.reshape(len(view), -1)
        grams.append(sum(np.outer(flat[:, place], flat[:, place]) for place in range(flat.shape[1])))
    numbers = [list(images[:place]).count(image) for place, image in enumerate(images)]
    found = []
    for own, image in enumerate(images):
        cosines = [
            float(np.sum(grams[own] * grams[other]) / np.linalg.norm(grams[own]) / np.linalg.norm(grams[other]))
            for other in range(len(images))
            if images[other] != image and numbers[other] == numbers[own]
        ]
        found.append(1 - sum(cosines) / len(cosines))
    return found


@each_case("positions", [(), (5,), (3, 4)])
@each_case("images", [[0, 1], [0, 1, 2, 0, 1, 2], [4, 4, 1, 1, 0, 0], [2, 0, 0, 2]])
def test_the_score_is_one_minus_the_mean_cosine_of_gram_matrices(positions: tuple[int, ...], images: list[int]) -> None:
    output = activations(len(images), 6, *positions)
    scores = score(APART, output, torch.tensor(images))
    assert scores.tolist() == pytest.approx(measure(output["2"], images), abs=1e-5)


def test_alike_images_score_0_whatever_the_strength_and_the_place() -> None:
    view = activations(1, 6, 3, 4)["2"]
    alike = Activations({"2": torch.cat([view, 7 * view, view.flip(3)])})
    assert score(APART, alike, torch.arange(3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert score(APART, Activations({"2": torch.eye(3)}), torch.arange(3)).tolist() == [1, 1, 1]


NO_COUNTERPART = "none of another image to compare it with; give as many views of every"


@each_case(
    ("ask", "says"),
    [
        (lambda: score(APART, activations(2, 6), torch.tensor([0, 0])), NO_COUNTERPART),
        (lambda: score(APART, activations(3, 6), torch.tensor([0, 1, 1])), NO_COUNTERPART),
        (
            lambda: score(APART, activations(1, 6), torch.arange(1)),
            "the diversity of 2 is given a view of image 0 and none of another image",
        ),
        # Before the first step.
        (
            lambda: Ascent(ImageStack.gray(SPEC), [APART]),
            "'2 diversity' compares the images of a batch, and there is one; make 2 or",
        ),
        (
            lambda: da.render(TOY, da.channel("2", 3) + da.diversity("2"), size=48, steps=1, progress=False),
            "compares the images of a batch",
        ),
        (lambda: score_images(torch.rand(1, 3, 40, 40), [APART]), "compares the images of a batch"),
        (lambda: diversity_objective(TOY, "9"), "layer '9' is not in toy"),
        (lambda: diversity_objective(TOY, "2", weight=torch.nan), "the weight nan of the objective is not"),
    ],
)
def test_views_and_images_without_a_counterpart_and_an_unknown_layer_or_weight_are_refused(
    ask: Callable[[], object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        ask()


def climb(objectives: Any, batch: int = 3, steps: int = 3, chunk: int = 0) -> Tensor:
    return Ascent(ImageStack.gray(SPEC, batch), objectives, VIEWS, steps=steps, chunk=chunk, seed=1).run().image


def test_the_picture_does_not_depend_on_how_many_views_are_seen_at_once() -> None:
    reference = climb([CHANNEL, APART], chunk=100)
    for chunk in (1, 4, 7):
        torch.testing.assert_close(climb([CHANNEL, APART], chunk=chunk), reference, rtol=0, atol=2e-4)
    assert (climb(CHANNEL) - reference).abs().max() > 0.01


def test_no_view_goes_through_the_judge_without_those_of_the_other_images() -> None:
    seen: list[list[int]] = []

    (term,) = APART.terms

    def watch(output: Activations, images: Tensor) -> Tensor:
        seen.append(images.tolist())
        return term.score(output, images)

    climb(Objective((replace(term, score=watch),)), batch=3, steps=1, chunk=7)
    assert seen == [[0, 1, 2, 0, 1, 2]] * 3


def test_a_wrapped_one_still_compares_and_an_ensemble_shares_out_its_views() -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, 8:] = 1
    wrapped = over_steps(in_region(APART, mask), 1.0, 0.5)
    assert all(term.compares_images for term in wrapped.terms)
    assert climb([wrapped]).isfinite().all()
    both = share_views(APART, toy_class())
    assert [term.compares_images for term in both.terms] == [True, False]
    assert climb([both]).isfinite().all()
    assert not any(term.compares_images for term in share_views(CHANNEL, toy_class()).terms)


@each_case("weight", [0.5, -0.5])
def test_the_objective_beside_it_keeps_its_own_views_and_scores(weight: float) -> None:
    """The scores of the first step, which both ascents begin with, are those without the diversity."""
    asked: list[Objective] = [CHANNEL, diversity_objective(TOY, "2", weight=weight)]
    ascents = [Ascent(ImageStack.noise(SPEC, 3), each, VIEWS, steps=1) for each in ([CHANNEL], asked)]
    alone, beside = (next(iter(ascent)).record.scores["2 channel 3"] for ascent in ascents)
    assert alone == beside


def test_every_picture_gets_the_score_of_its_own_views() -> None:
    noise = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    pictures = torch.cat([noise, noise, torch.full_like(noise, 0.2)])
    scores = score_images(pictures, [CHANNEL, APART])
    first, second, odd = scores.table[:, 1].tolist()
    assert first == pytest.approx(second, abs=1e-5)
    assert odd > 1.5 * first > 0
    torch.testing.assert_close(scores.table[:, 0], score_images(pictures, CHANNEL).table[:, 0])


def test_a_batch_from_grey_comes_out_more_different() -> None:
    """As it looks from afar, which no model measures; the channel answers all of them nearly as well."""
    starter = load_starter()
    channel = feature_objective(starter, "blocks.4", "channel", 12)
    apart = diversity_objective(starter, "blocks.3")
    start = ImageStack.gray(StackSpec(width=64, height=64, margin=16), batch=3)
    # In ten steps a smaller tilt changes detail more than what is seen from afar.
    painted = NormalizedAscent(0.16, momentum=0.0, tilt=0.8)
    plain, pushed = (
        Ascent(start, asked, Augmentation(2, Windows(16)), steps=10, focus=None, optimizer=painted).run().image
        for asked in ([channel], [channel, apart])
    )
    assert mean_difference_from_afar(pushed) > 1.3 * mean_difference_from_afar(plain)
    said = [score_images(images, [channel, apart]).table.mean(dim=0) for images in (plain, pushed)]
    assert said[1][1] > 1.3 * said[0][1] > 0
    assert said[1][0] > 0.8 * said[0][0] > 0


def test_a_wish_for_it_is_one_for_a_batch() -> None:
    wish = da.channel("2", 3) + 0.5 * da.diversity("2")
    made = da.render(TOY, wish, batch=3, size=48, steps=2, progress=False)
    assert {name: len(scores) for name, scores in made.scores.items()} == {"2 channel 3": 3, "2 diversity": 3}
    several = da.render(TOY, da.channels("2", range(4)) + da.diversity("2"), size=48, steps=2, progress=False)
    assert len(several.image) == 4
