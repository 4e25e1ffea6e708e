"""Prompts and images as targets: how they are read, their scores and gradients against NumPy, and what is encoded."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import direct_ascent as da
from cases import each_case, refuses
from das_core.models.clip import assemble_clip
from das_core.models.ensemble import CLIPEnsemble
from das_core.models.layers.pooled_layer import pool_layer
from das_core.models.text_tower import TextTower
from das_core.objectives.embedding import Similarity, parse_prompts
from direct_ascent import CLIP, Ascent, ImageStack, Judge, Objective, StackSpec, load_starter_clip
from tinyclip import clip
from toys import answer as answered
from toys import classifier
from toys import score as answer

WIDTH, COUNT = 6, 9
TINY = clip()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CONCEPTS = F.normalize(torch.randn(COUNT, WIDTH, generator=generator()), dim=1)


class Linear(nn.Module):
    """Six numbers from the mean colour of a view."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) @ torch.randn(3, WIDTH, generator=generator(1)).to(views)


def make_clip(name: str = "toy", concepts: Tensor | None = CONCEPTS) -> CLIP:
    """A CLIP whose embedding of a text is drawn by its letters."""
    tower = TextTower(lambda text: torch.randn(WIDTH, generator=generator(sum(map(ord, text)))), len, 99)
    judge = Judge(name, Linear(), 8, (0.0,) * 3, (1.0,) * 3)
    return replace(assemble_clip(judge, tower, "shortest", "bicubic"), concepts=concepts)


TOY = make_clip()


def read_score(objective: Objective) -> Any:
    """Return the score of the only term of an objective."""
    (term,) = objective.list_terms()
    return term.score


def compare(view: np.ndarray, target: np.ndarray, kind: Similarity) -> float:
    """The similarity of a view and a target, both of length 1, by its definition."""
    if kind == "spherical":
        # The great circle distance by another formula than the code's.
        return float(-((2 * math.asin(np.linalg.norm(view - target) / 2)) ** 2) / 2)
    if kind == "cosine":
        return float(view @ target)

    def ask(embedding: np.ndarray, temperature: float) -> np.ndarray:
        chances = np.exp(CONCEPTS.double().numpy() @ embedding / temperature)
        return np.asarray(chances / chances.sum())

    wanted = ask(target, 0.03)
    return float(view @ target - 0.15 * np.sum(wanted * np.log(wanted / ask(view, 0.05))))


@each_case("kind", "cosine", "spherical", "log_probability")
@each_case("text", "a cat", "a cat: 2\nhouse: -0.5", "a b c d\nzzz: 0.1\neau: -3", "a cat: -1")
@each_case("dtype", torch.float32, torch.float64)
def test_score_is_its_definition(kind: Similarity, text: str, dtype: torch.dtype) -> None:
    asked = da.text(text, kind).on(TOY)
    views = np.random.default_rng(0).standard_normal((5, WIDTH))
    score, own = answer(asked, torch.from_numpy(views).to(dtype)), read_score(asked)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    table = [[compare(view, target, kind) for target in own.targets.double().numpy()] for view in views]
    assert (score.shape, score.dtype) == ((5,), dtype)
    np.testing.assert_allclose(score.numpy(), np.array(table) @ np.array(own.weights), 1e-4, 1e-4)


@each_case("kind", "cosine", "spherical", "log_probability")
def test_gradient_is_that_of_finite_differences_and_finite_everywhere(kind: Similarity) -> None:
    objective = da.text("a cat: 2\nhouse: -0.5", kind).on(TOY)
    output = torch.randn(4, WIDTH, dtype=torch.float64, generator=generator(), requires_grad=True)
    assert torch.autograd.gradcheck(lambda embeddings: answer(objective, embeddings), (output,))
    alone = da.text("a cat", kind).on(TOY)
    for factor in (1.0, -1.0, 0.0, 1e-30, 1e6):
        output = (read_score(alone).targets * factor).requires_grad_()
        score = answer(alone, output)
        (gradient,) = torch.autograd.grad(score.sum(), output)
        assert bool(gradient.isfinite().all()), factor
        assert score.item() <= 1 + 1e-6


def test_each_clip_of_an_ensemble_compares_its_own_part() -> None:
    one, other = make_clip("one"), make_clip("other", CONCEPTS.flip(0))
    objective = da.text("a cat\na dog: 0.5").on(CLIPEnsemble.from_members([one, other]))
    output = torch.randn(3, WIDTH, generator=generator(4))
    assert [term.weight for term in objective.list_terms()] == [0.5, 0.5]
    for term, model in zip(objective.list_terms(), (one, other), strict=True):
        alone = da.text("a cat\na dog: 0.5", "log_probability").on(model)
        torch.testing.assert_close(term.score(output, torch.arange(3)), answer(alone, output))


def test_auto_follows_the_model() -> None:
    plain = make_clip("plain", None)
    models = (plain, CLIPEnsemble.from_members([TOY, plain]), TOY, load_starter_clip())
    chosen = [da.text("a cat").on(model).list_terms()[-1].score for model in models]
    assert [score.similarity for score in chosen] == ["cosine"] * 2 + ["log_probability"] * 2  # type: ignore[attr-defined]


@each_case(
    ("model", "text", "similarity", "says"),
    ({"concepts": None}, "a cat", "log_probability", "toy has no list of things that it can tell apart.*: choose"),
    ({}, "a cat", "l2", "similarity 'l2' is unknown; choose one of auto, cosine, spherical, log_prob"),
    *(
        ({"concepts": torch.ones(shape)}, "a cat", "auto", "the concepts of toy have the shape .*; give at least")
        for shape in ((1, WIDTH), (COUNT, WIDTH + 1), (WIDTH,))
    ),
    ({}, " \n ", "auto", "no prompt is given; write a prompt a line"),
    ({}, ": 2", "auto", "a prompt before the weight 2 is empty; write 'a prompt: 2'"),
    ({}, "a cat: 1,5", "auto", "weight '1,5' in 'a cat: 1,5' has a decimal comma"),
    ({}, "a cat\na cat: -1", "auto", "the weights of the prompts sum to nothing"),
    ({"text": None}, "a cat", "auto", "toy has no text tower"),
)
def test_what_cannot_be_asked_is_named_before_a_prompt_is_read(
    model: dict[str, Any], text: str, similarity: Any, says: str
) -> None:
    mute = replace(TOY, **{"text": TextTower(lambda text: 1 / 0, len, 99)} | model)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match=says):
        da.text(text, similarity).on(mute)


@each_case(
    ("text", "weights"),
    ("poster: a castle", {"poster: a castle": 1.0}),
    ("(a castle:1.3)\na castle", {"a castle": 2.3}),
    ("a clock at 12:30\na film in 16:9: 0.5", {"a clock at 12:30": 1.0, "a film in 16:9": 0.5}),
    ("a cat: 1\na cat: -1\na dog", {"a cat": 0.0, "a dog": 1.0}),
)
def test_prompts_are_read(text: str, weights: dict[str, float]) -> None:
    assert parse_prompts(text) == weights
    assert (2.0 * da.text(text).on(TOY)).name == ", ".join(weights)


def test_concepts_stay_with_a_model_that_moves_do_not_count_in_comparisons_and_get_no_gradient() -> None:
    moved = TOY.to("cpu").with_precision(torch.float16)
    assert moved.concepts is TOY.concepts
    assert replace(TOY, concepts=CONCEPTS.clone()) == TOY
    concepts = nn.Parameter(CONCEPTS.clone())
    view = torch.randn(1, WIDTH, generator=generator(6)).requires_grad_()
    answer(da.text("a cat").on(make_clip(concepts=concepts)), view).sum().backward()
    assert view.grad is not None
    assert concepts.grad is None


def test_the_concepts_of_a_starter_are_its_classes_and_have_gradients_after_inference_mode() -> None:
    with torch.inference_mode():
        model = load_starter_clip()
    assert model.concepts is not None
    assert model.concepts.shape == (1000, model.width)
    torch.testing.assert_close(model.concepts.norm(dim=1), torch.ones(1000))
    embedding = model.encode_text(["a photo of a jellyfish"])[0]
    assert int((model.concepts @ embedding).argmax()) == 107
    view = torch.randn(1, model.width, generator=generator(7)).requires_grad_()
    answer(da.text("a castle").on(model), view).sum().backward()
    assert view.grad is not None


def test_a_view_of_the_target_is_as_near_as_can_be() -> None:
    picture = torch.rand(1, 3, 32, 32, generator=generator())
    objective = da.image(picture).on(TINY)
    assert float(answer(objective, TINY(picture))) == pytest.approx(1, abs=1e-5)
    assert float(answer(objective, TINY(1 - picture))) < 0.999
    assert float(answer(da.image(picture, similarity="spherical").on(TINY), TINY(picture))) == pytest.approx(
        0, abs=1e-5
    )
    with pytest.raises(ValueError, match="similarity 'log_probability' is unknown; choose one of cosine, spherical"):
        da.image(picture, similarity="log_probability").on(TINY)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"the image to embed has 1 channels"):
        da.image(picture[:, :1]).on(TINY)


def test_every_image_of_a_batch_of_any_size_counts_fully() -> None:
    batch = torch.rand(3, 3, 300, 20, generator=generator())
    output = TINY(torch.rand(2, 3, 32, 32, generator=generator(1)))
    alone = sum(answer(da.image(picture[None]).on(TINY), output) for picture in batch)
    assert isinstance(alone, Tensor)
    together = 5.0 * da.image(batch).on(TINY)
    torch.testing.assert_close(answer(together, output), alone, atol=1e-5, rtol=1e-5)
    assert (together.name, read_score(together).weights, together.list_terms()[0].weight) == (
        "3 images",
        (1.0, 1.0, 1.0),
        5.0,
    )


def test_photographs_are_compared_by_the_pooled_features_of_any_layer() -> None:
    model, photos = classifier(), torch.rand(2, 3, 40, 40, generator=generator())
    views = torch.rand(4, 3, 32, 32, generator=generator(1))
    middle = (photos[:, :, 4:36, 4:36] - 0.5) / 0.5
    photos = photos[:, :, 4:36, 4:36]

    def pool(images: Tensor) -> np.ndarray:
        features = model.module[:3]((images - 0.5) / 0.5).mean((2, 3)).double().numpy()  # type: ignore[index]
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    objective = da.image(photos, layer="2").on(model)
    expected = (pool(views) @ pool(photos).T).sum(axis=1)
    np.testing.assert_allclose(answered(objective, views).numpy(), expected, atol=1e-5)
    # By default, those that the last layer gets.
    assert pool_layer(model).width == 512
    torch.testing.assert_close(pool_layer(model)(photos), model.module[:6](middle))  # type: ignore[index]
    assert pool_layer(TINY) is TINY
    scores = [
        record.scores["2 images"]
        for record in Ascent(ImageStack.gray(StackSpec(32, 32, 8)), da.image(photos).on(model), steps=12).run().history
    ]
    assert scores[-1] > scores[0]


def test_a_vector_is_a_target_whatever_its_length_and_form() -> None:
    first, second = TINY.encode_images(torch.rand(2, 3, 32, 32, generator=generator()))
    output = TINY(torch.rand(3, 3, 32, 32, generator=generator(1)))
    aim = first - 0.5 * second
    asked = [
        answer(da.embedding(target).on(TINY), output)
        for target in (aim, aim.double() * 8, aim.to_sparse(), aim.numpy(), aim[None].tolist(), aim.requires_grad_())
    ]
    cosine = F.cosine_similarity(output, aim.detach()[None])
    for score in asked:
        torch.testing.assert_close(score, cosine, atol=1e-5, rtol=0)
    both = 2.0 * da.embedding(torch.stack([first, second]), similarity="spherical").on(TINY)
    each = [answer(da.embedding(target, similarity="spherical").on(TINY), output) for target in (first, second)]
    torch.testing.assert_close(answer(both, output), each[0] + each[1])
    # Each member of an ensemble gets its own part.
    pair = CLIPEnsemble.from_members([TINY, TINY])
    terms = da.embedding(torch.cat([first, second])).on(pair).list_terms()
    torch.testing.assert_close(terms[1].score(output, torch.arange(3)), F.cosine_similarity(output, second[None]))


test_what_is_no_vector_of_the_model_is_refused = refuses(
    lambda target: da.embedding(target).on(TINY),
    (torch.ones(23), r"the target is of shape \(23,\), and .* embeds in 24 numbers; give a tensor \(24,\) or"),
    (torch.ones(0, 24), r"the target is of shape \(0, 24\)"),
    ("a cat", "the target is a str, and"),
    (None, "the target is a NoneType, and"),
    (torch.zeros(24), "vector 1 is nothing at all to .*an embedding of zeros"),
    ([1.0] * 23 + [math.nan], "vector 1 with values that are no numbers"),
    (torch.ones(24, device="meta"), "the target is of shape"),
)
