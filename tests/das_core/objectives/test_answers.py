"""What a CLIP takes a view and a prompt for: the comparison against NumPy, its gradient, and the choice `auto`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cases import each_case
from das_core.models.clip import CLIP, assemble_clip
from das_core.models.ensemble import CLIPEnsemble
from das_core.models.judge import Judge
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.models.text_tower import TextTower
from das_core.objectives.answers import compare_answers
from das_core.objectives.embedding import EmbeddingScore, embedding_objective, image_objective, text_objective
from das_core.objectives.term import Objective
from fitted_starter import fit_starter_clip
from toys import score as ask

WIDTH, COUNT = 6, 9


def make_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CONCEPTS = F.normalize(torch.randn(COUNT, WIDTH, generator=make_generator()), dim=1)


class Linear(nn.Module):
    """Six numbers from the mean colour of a view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) @ torch.randn(3, WIDTH, generator=make_generator(1)).to(views)


def make_clip(name: str = "toy", concepts: Tensor | None = CONCEPTS) -> CLIP:
    """A CLIP whose embedding of a text is drawn by its letters."""
    judge = Judge(name, Linear(), 8, (0.0,) * 3, (1.0,) * 3)
    tower = TextTower(lambda text: torch.randn(WIDTH, generator=make_generator(sum(map(ord, text)))), len, 99)
    return replace(assemble_clip(judge, tower, "shortest", "bicubic"), concepts=concepts)


def expected(views: np.ndarray, target: np.ndarray) -> list[float]:
    """The comparison by its definition, a view at a time."""
    concepts = CONCEPTS.double().numpy()

    def answer(embedding: np.ndarray, temperature: float) -> np.ndarray:
        chances = np.exp(concepts @ embedding / temperature)
        return np.asarray(chances / chances.sum())

    wanted, comparisons = answer(target, 0.03), []
    for view in views / np.linalg.norm(views, axis=1, keepdims=True):
        divergence = np.sum(wanted * np.log(wanted / answer(view, 0.05)))
        comparisons.append(float(view @ target - 0.15 * divergence))
    return comparisons


@each_case("text", ["a cat", "a cat: 2\nhouse: -0.5", "a cat\na dog\na bird", "a cat: -1"])
@each_case("dtype", [torch.float32, torch.float64])
def test_the_score_of_prompts_is_its_definition(text: str, dtype: torch.dtype) -> None:
    objective = text_objective(make_clip(), text, "log_probability")
    views = np.random.default_rng(0).standard_normal((5, WIDTH))
    asked = objective.terms[0].score
    assert isinstance(asked, EmbeddingScore)
    score = ask(objective, torch.from_numpy(views).to(dtype))
    alone = [expected(views, target) for target in asked.targets.double().numpy()]
    whole = np.array(asked.weights) @ np.array(alone)
    assert score.dtype == dtype
    np.testing.assert_allclose(score.numpy(), whole, 1e-4, 1e-5)


def test_the_gradient_at_a_cosine_is_that_of_the_cosine_and_the_probability_that_lacks() -> None:
    views = torch.randn(4, COUNT, dtype=torch.float64, generator=make_generator(2), requires_grad=True)
    target = torch.randn(1, COUNT, dtype=torch.float64, generator=make_generator(3))
    concepts = torch.eye(COUNT, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda given: compare_answers(given, target, concepts), (views,))
    cosines = F.normalize(views, dim=1).detach().requires_grad_()
    # A vector of length 1 whose length is not held fixed: the gradient of `F.normalize` is added.
    (slope,) = torch.autograd.grad(compare_answers(cosines, target, concepts).sum(), cosines)
    prompt = F.normalize(target, dim=1)
    lacks = prompt + 3 * ((prompt / 0.03).softmax(1) - (cosines / 0.05).softmax(1))
    torch.testing.assert_close(slope, lacks - (lacks * cosines).sum(1, keepdim=True) * cosines)


@each_case("factor", [1.0, -1.0, 0.0, 1e-30, 1e6])
def test_gradients_are_finite_everywhere(factor: float) -> None:
    objective = text_objective(make_clip(), "a cat")
    asked = objective.terms[0].score
    assert isinstance(asked, EmbeddingScore)
    output = (asked.targets * factor).requires_grad_()
    score = ask(objective, output)
    (gradient,) = torch.autograd.grad(score.sum(), output)
    assert bool(gradient.isfinite().all())
    assert score.item() <= 1 + 1e-6


def test_each_clip_of_an_ensemble_compares_its_own_part() -> None:
    one, other = make_clip("one"), make_clip("other", CONCEPTS.flip(0))
    objective = text_objective(CLIPEnsemble.from_members([one, other]), "a cat\na dog: 0.5")
    output = torch.randn(3, WIDTH, generator=make_generator(4))
    assert [term.weight for term in objective.terms] == [0.5, 0.5]
    for term, clip in zip(objective.terms, (one, other), strict=True):
        alone = text_objective(clip, "a cat\na dog: 0.5", "log_probability")
        torch.testing.assert_close(term.score(output, torch.arange(3)), ask(alone, output))


@each_case("second", ["a waterfall", "a waterfall: 0.5", "text and letters: -0.3"])
def test_another_prompt_counts_as_with_the_cosine(second: str) -> None:
    clip = fit_starter_clip().clip
    view = torch.randn(1, clip.width, generator=make_generator(5)).requires_grad_()
    turned = {}
    for similarity in ("cosine", "log_probability"):
        alone, both = (
            torch.autograd.grad(ask(text_objective(clip, text, similarity), view).sum(), view)[0]  # type: ignore[arg-type]
            for text in ("a castle", f"a castle\n{second}")
        )
        turned[similarity] = float(torch.cosine_similarity(alone, both))
    assert turned["log_probability"] < 0.98
    assert abs(turned["log_probability"] - turned["cosine"]) < 0.1


def test_auto_follows_the_model() -> None:
    def similarity(objective: Objective) -> str:
        score = objective.terms[0].score
        assert isinstance(score, EmbeddingScore)
        return score.similarity

    plain, able = make_clip("plain", None), make_clip()
    assert similarity(text_objective(plain, "a cat")) == "cosine"
    assert similarity(text_objective(able, "a cat")) == "log_probability"
    assert similarity(text_objective(CLIPEnsemble.from_members([able, plain]), "a cat")) == "cosine"
    assert similarity(text_objective(fit_starter_clip().clip, "a cat")) == "log_probability"
    image = torch.rand(1, 3, 8, 8, generator=make_generator())
    assert similarity(image_objective(able, image)) == "cosine"


@each_case(
    ("concepts", "similarity", "says"),
    [
        (None, "log_probability", r"toy has no list of things that it can tell apart.*: choose cosine, or"),
        (CONCEPTS, "l2", "similarity 'l2' is unknown; choose one of auto, cosine, spherical, log_prob"),
        *(
            (torch.ones(shape), "auto", r"the concepts of toy have the shape .*; give at least two directions of 6")
            for shape in ((0, WIDTH), (1, WIDTH), (COUNT, WIDTH + 1), (WIDTH,))
        ),
    ],
)
def test_what_cannot_be_compared_is_named_before_a_prompt_is_read(
    concepts: Tensor | None, similarity: Any, says: str
) -> None:
    read: list[str] = []
    tower = TextTower(lambda text: read.append(text) or torch.ones(WIDTH), len, 99)
    silent = replace(make_clip(concepts=concepts), text=tower)
    with pytest.raises(ValueError, match=says):
        text_objective(silent, "a cat", similarity)
    assert not read


def test_concepts_stay_with_a_model_that_moves_and_do_not_count_in_comparisons() -> None:
    clip = make_clip()
    moved = clip.to("cpu").with_precision(torch.float16)
    assert moved.concepts is clip.concepts
    assert replace(clip, concepts=CONCEPTS.clone()) == clip


def test_the_concepts_of_a_starter_are_its_classes() -> None:
    clip = fit_starter_clip().clip
    assert clip.concepts is not None
    assert clip.concepts.shape == (1000, clip.width)
    torch.testing.assert_close(clip.concepts.norm(dim=1), torch.ones(1000))
    embedding = clip.encode_text(["a photo of a jellyfish"])[0]
    assert int((clip.concepts @ embedding).argmax()) == 107


def test_concepts_that_require_a_gradient_get_none() -> None:
    concepts = nn.Parameter(CONCEPTS.clone())
    view = torch.randn(1, WIDTH, generator=make_generator(6)).requires_grad_()
    ask(text_objective(make_clip(concepts=concepts), "a cat"), view).sum().backward()
    assert view.grad is not None
    assert concepts.grad is None


def test_a_starter_that_was_loaded_in_inference_mode_has_gradients() -> None:
    folder = fit_starter_clip().folder
    with torch.inference_mode():
        clip = load_starter_clip(folder=folder)
    view = torch.randn(1, clip.width, generator=make_generator(7)).requires_grad_()
    with torch.inference_mode(False):
        targets = clip.encode_text(["a castle"]).clone()
    asked = embedding_objective(clip, targets, (1.0,), "a castle", "log_probability")
    ask(asked, view).sum().backward()
    assert view.grad is not None
