"""Prompts and images as targets: how they are read, their scores against NumPy, and what is encoded when."""

import contextlib
import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cases import each_case
from das_core.models.clip import CLIP, assemble_clip
from das_core.models.judge import Judge
from das_core.models.text_tower import TextTower
from das_core.objectives.embedding import (
    EmbeddingScore,
    Similarity,
    embedding_objective,
    image_objective,
    measure_similarity,
    parse_prompts,
    text_objective,
)
from das_core.objectives.term import Objective
from tinyclip import clip
from toys import score as answer


def read_score(objective: Objective) -> EmbeddingScore:
    """Return the score of the only term of an objective."""
    (term,) = objective.terms
    assert isinstance(term.score, EmbeddingScore)
    return term.score


class Mean(nn.Module):
    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3))


@pytest.fixture
def read() -> list[str]:
    """What the toy has read."""
    return []


@pytest.fixture
def toy(read: list[str]) -> CLIP:
    """A CLIP of three dimensions that reads a text as its number of vowels, of letters, and of spaces."""

    def encode(text: str) -> Tensor:
        read.append(text)
        return torch.tensor([float(sum(c in "aeiou" for c in text)), float(len(text)), -float(text.count(" "))])

    judge = Judge("toy", Mean(), 8, (0.0,) * 3, (1.0,) * 3)
    model = assemble_clip(judge, TextTower(encode, len, 99), "shortest", "bicubic")
    read.clear()
    return model


def expected(output: np.ndarray, targets: np.ndarray, weights: tuple[float, ...], kind: Similarity) -> list[float]:
    """The score by its definition, a view and a target at a time."""
    scores = []
    for view in output:
        total = 0.0
        for target, weight in zip(targets, weights, strict=True):
            cosine = view @ target / np.linalg.norm(view) / np.linalg.norm(target)
            # The great circle distance by another formula than the code's.
            angle = 2 * math.asin(np.linalg.norm(view / np.linalg.norm(view) - target / np.linalg.norm(target)) / 2)
            total += weight * (cosine if kind == "cosine" else -(angle**2) / 2)
        scores.append(total)
    return scores


@each_case("kind", ["cosine", "spherical"])
@each_case("text", ["a cat", "a cat: 2\nhouse: -0.5", "a b c d\nzzz: 0.1\neau: -3", "a cat: -1"])
@each_case("dtype", [torch.float32, torch.float64])
def test_score_is_its_definition(toy: CLIP, kind: Similarity, text: str, dtype: torch.dtype) -> None:
    objective = text_objective(toy, text, kind)
    output = np.random.default_rng(0).standard_normal((5, 3))
    score = answer(objective, torch.from_numpy(output).to(dtype))
    assert score.shape == (5,)
    assert score.dtype == dtype
    np.testing.assert_allclose(
        score.numpy(),
        expected(output, read_score(objective).targets.double().numpy(), read_score(objective).weights, kind),
        1e-4,
        1e-4,
    )


@each_case("kind", ["cosine", "spherical"])
def test_gradient_is_that_of_finite_differences_and_finite_at_the_target_and_its_opposite(
    toy: CLIP, kind: Similarity
) -> None:
    objective = text_objective(toy, "a cat: 2\nhouse: -0.5", kind)
    output = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda embeddings: answer(objective, embeddings), (output,))
    alone = text_objective(toy, "a cat", kind)
    for factor in (1.0, -1.0, 0.0, 1e-30):
        output = (read_score(alone).targets * factor).requires_grad_()
        (gradient,) = torch.autograd.grad(answer(alone, output).sum(), output)
        assert bool(gradient.isfinite().all()), factor


def test_only_new_prompts_are_encoded(toy: CLIP, read: list[str]) -> None:
    text_objective(toy, "a cat\na dog: 0.5")
    assert read == ["a cat", "a dog"]
    changed = text_objective(toy, "a cat: 3\na dog: -1", "spherical", 2.0)
    assert read == ["a cat", "a dog"]
    assert read_score(changed).weights == (3.0, -1.0)
    text_objective(toy, "a dog\na bird")
    assert read == ["a cat", "a dog", "a bird"]


def test_it_is_named_after_its_prompts(toy: CLIP) -> None:
    objective = text_objective(toy, "a cat: 0.5\na dog")
    assert objective.name == "a cat, a dog"
    long = text_objective(toy, "a " * 50).name
    assert len(long) == 60
    assert long.endswith("…")
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.terms[0].weight = 2.0  # type: ignore[misc]


def test_nothing_is_mutated(toy: CLIP) -> None:
    objective = text_objective(toy, "a cat")
    output = torch.randn(2, 3)
    targets = read_score(objective).targets
    before, kept = output.clone(), targets.clone()
    first = answer(objective, output)
    assert torch.equal(answer(objective, output), first)
    assert torch.equal(output, before)
    assert torch.equal(targets, kept)


@each_case(
    ("text", "weights"),
    [
        ("a cat\na dog: 0.5", {"a cat": 1.0, "a dog": 0.5}),
        ("a cat\na cat: 2", {"a cat": 3.0}),
        ("blurry: -1", {"blurry": -1.0}),
        ("poster: a castle", {"poster: a castle": 1.0}),
        ("(a castle:1.3)\na castle", {"a castle": 2.3}),
        ("a clock at 12:30\na film in 16:9: 0.5", {"a clock at 12:30": 1.0, "a film in 16:9": 0.5}),
        ("a cat: 1\na cat: -1\na dog", {"a cat": 0.0, "a dog": 1.0}),
    ],
)
def test_prompts_are_read(text: str, weights: dict[str, float]) -> None:
    assert parse_prompts(text) == weights


@each_case(
    ("text", "says"),
    [
        ("", "no prompt is given; write a prompt a line"),
        (" \n ", "no prompt is given"),
        (": 2", "a prompt before the weight 2 is empty; write 'a prompt: 2'"),
        ("(:2)", "a prompt before the weight 2 is empty"),
        ("a cat: 1,5", "weight '1,5' in 'a cat: 1,5' has a decimal comma"),
        ("a cat: 0", "the weights of the prompts sum to nothing"),
        ("a cat\na cat: -1", "sum to nothing"),
        ("a cat: inf", "the weight inf of 'a cat: inf'"),
    ],
)
def test_text_that_is_no_prompt_is_refused(toy: CLIP, read: list[str], text: str, says: str) -> None:
    before = list(read)
    with pytest.raises(ValueError, match=says):
        text_objective(toy, text)
    assert read == before


@given(st.text(alphabet="a cat:1.-+e\n🐟", max_size=30))
@settings(max_examples=100)
def test_any_text_is_read_or_refused(text: str) -> None:
    # Anything but a ValueError would come out here.
    with contextlib.suppress(ValueError):
        weights = parse_prompts(text)
        assert all(prompt.strip() for prompt in weights)
        assert any(weights.values())


@each_case(
    ("change", "says"),
    [
        ({"similarity": "euclidean"}, "similarity 'euclidean' is unknown; choose one of cosine, spherical"),
        ({"weights": (1.0, 2.0)}, r"targets of the shape \(1, 3\) do not go with 2 weights; a target \(T, D\) for"),
        ({"targets": torch.zeros(0, 3), "weights": ()}, "do not go with 0 weights"),
        ({"targets": torch.ones(1, 4)}, "targets of 4 numbers are not of toy, whose embeddings have 3"),
        ({"weights": (float("nan"),)}, "the weight nan of a target"),
        ({"weights": (0.0,)}, "the weights of all targets are 0"),
        ({"weight": float("inf")}, "the weight inf of the objective"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(toy: CLIP, change: dict[str, object], says: str) -> None:
    given = {"targets": torch.ones(1, 3), "weights": (1.0,), "name": "a cat", **change}
    with pytest.raises(ValueError, match=says):
        embedding_objective(toy, **given)  # type: ignore[arg-type]


@each_case(
    ("ask", "says"),
    [
        (
            lambda toy: embedding_objective(toy, clip().encode_text(["a cat"]), (1.0,), "mixed"),
            "targets of 24 numbers are not of toy",
        ),
        (lambda toy: text_objective(dataclasses.replace(toy, text=None), "a cat"), "toy has no text tower"),
        (
            lambda _: image_objective(clip(), torch.rand(1, 4, 20, 20)),
            r"the image to embed has 4 channels \(an alpha channel\)",
        ),
    ],
)
def test_targets_that_a_model_cannot_compare_with_are_refused(
    toy: CLIP, ask: Callable[[CLIP], object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        ask(toy)


def test_similarities_are_a_table() -> None:
    targets = torch.eye(3)
    table = measure_similarity(2 * targets, targets)
    torch.testing.assert_close(table, torch.eye(3))
    assert measure_similarity(torch.eye(3)[:1], targets, "spherical")[0].tolist() == pytest.approx(
        [0.0, -(math.pi**2) / 8, -(math.pi**2) / 8], abs=1e-5
    )


def test_a_real_tower_gives_the_same_objective_twice() -> None:
    model = clip()
    one, other = text_objective(model, "a cat"), text_objective(clip(), "a cat")
    assert torch.equal(read_score(one).targets, read_score(other).targets)


@pytest.fixture(scope="module")
def tiny() -> CLIP:
    return clip()


def pictures(count: int, height: int = 40, width: int = 50) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_a_view_of_the_target_is_as_near_as_can_be(tiny: CLIP) -> None:
    picture = pictures(1, 32, 32)
    objective = image_objective(tiny, picture)
    assert float(answer(objective, tiny(picture))) == pytest.approx(1, abs=1e-5)
    assert float(answer(objective, tiny(1 - picture))) < 0.999
    assert float(answer(image_objective(tiny, picture, "spherical"), tiny(picture))) == pytest.approx(0, abs=1e-5)
    for value in (0.0, 1.0):
        plain = image_objective(tiny, torch.full((1, 3, 20, 20), value))
        assert float(answer(plain, tiny(torch.full((1, 3, 32, 32), value)))) == pytest.approx(1, abs=1e-4)


def test_every_prompt_and_every_image_of_a_batch_counts_fully(toy: CLIP, tiny: CLIP) -> None:
    output = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    one, other, both = (answer(text_objective(toy, text), output) for text in ("a cat", "eau: 3", "a cat\neau: 3"))
    torch.testing.assert_close(both, one + other)
    batch = pictures(3)
    output = tiny(pictures(2, 32, 32))
    alone = sum(answer(image_objective(tiny, picture[None]), output) for picture in batch)
    assert isinstance(alone, Tensor)
    together = image_objective(tiny, batch, weight=5.0)
    torch.testing.assert_close(answer(together, output), alone, atol=1e-5, rtol=1e-5)
    assert (together.name, read_score(together).weights, together.terms[0].weight) == ("3 images", (1.0, 1.0, 1.0), 5.0)


@each_case("shape", [(7, 9), (300, 20), (32, 32)])
def test_images_of_any_size_are_targets(tiny: CLIP, shape: tuple[int, int]) -> None:
    objective = image_objective(tiny, pictures(1, *shape))
    assert read_score(objective).targets.shape == (1, 24)
    assert objective.name == "image"
    assert not read_score(objective).targets.requires_grad
