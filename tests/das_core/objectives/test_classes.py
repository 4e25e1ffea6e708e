"""Scores against NumPy, and classes written as text."""

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case, refuses
from das_core.models.labels import Labels, imagenet_labels, number_labels
from das_core.objectives.classes import ScoreKind, parse_classes
from direct_ascent import Classifier
from toys import score as answer

HALF = (0.5, 0.5, 0.5)
TARGETS = ((3, 1.0), (0, -0.5), (7, 2.5))


def judge(labels: Labels | None = None) -> Classifier:
    return Classifier("toy", nn.Identity(), 8, HALF, HALF, labels=labels or number_labels(9))


IMAGENET = judge(imagenet_labels())


def logits(seed: int = 0, scale: float = 5) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((4, 9))


def expected(output: np.ndarray, targets: tuple[tuple[int, float], ...], kind: ScoreKind) -> np.ndarray:
    """The scores by their definitions, a view and a class at a time."""
    scores = []
    for row in output:
        chosen = {index for index, _ in targets}
        total = row.max() + np.log(np.exp(row - row.max()).sum())
        shift = {
            "logit": 0.0,
            "log_probability": total,
            "margin": max(value for index, value in enumerate(row) if index not in chosen),
        }[kind.replace("share", "logit")]
        more = row - total if kind == "share" else 0 * row
        scores.append(sum(weight * (row[index] - shift + 2 * more[index]) for index, weight in targets))
    return np.array(scores)


@each_case("kind", *get_args(ScoreKind))
@each_case("targets", ((3, 1.0),), ((3, -1.0),), TARGETS, ((4, 0.0), (5, 1.0)))
@each_case("dtype", torch.float32, torch.float64)
def test_score_is_its_definition_and_leaves_the_weight_of_the_objective_to_the_ascent(
    kind: ScoreKind, targets: tuple[tuple[int, float], ...], dtype: torch.dtype
) -> None:
    # With huge logits, too.
    for output in (logits(), logits(scale=1e4)):
        given = torch.from_numpy(output).to(dtype)
        score, heavy = (answer((weight * da.classes(targets, kind).on(judge())), given) for weight in (1.0, 10.0))
        assert torch.equal(score, heavy)
        assert (score.shape, score.dtype) == ((4,), dtype)
        np.testing.assert_allclose(score.numpy(), expected(given.numpy(), targets, kind), rtol=1e-4, atol=1e-4)


@each_case("kind", *get_args(ScoreKind))
def test_gradient_is_that_of_finite_differences_and_nothing_is_mutated(kind: ScoreKind) -> None:
    objective = da.classes(TARGETS, kind).on(judge())
    output = torch.from_numpy(logits(1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda logits: answer(objective, logits), (output,))
    assert torch.equal(output, torch.from_numpy(logits(1)))


def test_margin_is_that_over_the_strongest_rival_alone_which_is_none_of_the_classes_asked_for() -> None:
    output = torch.tensor([[0.0, 5.0, 4.0, 1.0]], requires_grad=True)
    answer(da.classes(((1, 1.0),), "margin").on(judge(number_labels(4))), output).sum().backward()
    assert output.grad is not None
    assert output.grad.tolist() == [[0.0, 1.0, -1.0, 0.0]]
    dogs = torch.zeros(1, 1000)
    dogs[0, 151:269], dogs[0, 107] = 5.0, 2.0
    assert answer(da.classes("all dog", "margin").on(IMAGENET), dogs).tolist() == pytest.approx([3.0])


def test_the_score_of_lines_is_the_sum_that_is_written_of_the_means_of_their_classes() -> None:
    output = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0))
    for text, classes in (("all dog", range(151, 269)), ("jellyfish, goldfish", (107, 1))):
        score: Tensor = answer(da.classes(text, "logit").on(IMAGENET), output)
        torch.testing.assert_close(score, output[:, list(classes)].mean(dim=1))
    objective = da.classes("jellyfish\ngoldfish: -0.5", "logit").on(IMAGENET)
    torch.testing.assert_close(answer(objective, output), output[:, 107] - 0.5 * output[:, 1])
    assert objective.name == "jellyfish, goldfish"
    name = da.classes("all dog").on(IMAGENET).name
    assert (name[:29], name[-1], len(name)) == ("Chihuahua, Japanese spaniel, ", "…", 60)


test_settings_out_of_range_are_refused = refuses(
    lambda settings: da.classes(**settings).on(judge()),
    ({"targets": ()}, "no class is given"),
    ({"targets": " \n\t\n"}, "no class is given; write a class a line"),
    ({"targets": ((1, 0.0), (2, 0.0))}, "the weights of all classes are 0"),
    ({"targets": "3: 1\nclass 3: -1"}, "the weights of all classes are 0"),
    ({"targets": ((9, 1.0),)}, "class index 9 is out of range; this classifier has classes 0 to 8"),
    ({"targets": ((1, float("nan")),)}, "the weight nan of class 1"),
    ({"targets": 1, "score": "softmax"}, "'softmax' is unknown; choose one of logit, log_probability, m"),
    ({"targets": tuple((i, 1.0) for i in range(9)), "score": "margin"}, "leave one out or choose 'logit'"),
    ({"targets": 3.5}, "class 3.5 is neither an index nor a name; write 107, 'jellyfish', or a list"),
    ({"targets": [(1, "much")]}, "is neither an index nor a name"),
)


@each_case(
    ("text", "targets"),
    ("\n jellyfish :0.5 \r\n   \ngoldfish: -.5\n", {107: 0.5, 1: -0.5}),
    ("jellyfish: 2\n107: -0.5\nn01910747", {107: 2.5}),
    ("jellyfish: 1\njellyfish: -1\ngoldfish", {107: 0.0, 1: 1.0}),
    ("pizza, pizza pie: 0.25", {963: 0.25}),
    ("(jellyfish, 1, n02123045:3)", {107: 1.0, 1: 1.0, 281: 1.0}),
    ("jellyfish, maillot, tank suit: 2\njellyfish", {107: 2.0, 639: 1.0}),
    ("all cats, goldfish", {**dict.fromkeys(range(281, 286), 0.1), 1: 0.5}),
    ("all dog\n151: -1", {151: 1 / 118 - 1, **dict.fromkeys(range(152, 269), 1 / 118)}),
    ("jack-o\u2019-lantern: \uff11", {607: 1.0}),
)
def test_classes_are_read_in_their_order(text: str, targets: dict[int, float]) -> None:
    read = parse_classes(text, imagenet_labels())
    assert dict(read) == pytest.approx(targets)
    assert [index for index, _ in read] == list(targets)


def test_lines_that_cannot_be_understood_are_quoted() -> None:
    with pytest.raises(ValueError, match=r"class 'tabby\uff1a0.5' is unknown; .*one number at the end of a line"):
        parse_classes("tabby\uff1a0.5, goldfish\uff1a2", imagenet_labels())


@each_case(
    ("targets", "expected"),
    (107, ((107, 1.0),)),
    ("jellyfish: 2\ngoldfish", ((107, 2.0), (1, 1.0))),
    ([np.int64(107), torch.tensor(1), "goldfish"], ((107, 1.0), (1, 1.0), (1, 1.0))),
    ([("jellyfish", 0.5), (1, -1)], ((107, 0.5), (1, -1.0))),
)
def test_classes_may_be_given_in_any_form(targets: Any, expected: tuple[tuple[int, float], ...]) -> None:
    score: Any = da.classes(targets).on(IMAGENET).list_terms()[0].score
    assert score.targets == expected


@each_case(
    ("targets", "kind", "score", "said"),
    (3, "log_probability", -0.222, "80%"),
    (((3, 0.5),), "log_probability", math.log(0.25) / 2, "25%"),
    (3, "log_probability", -1e9, "0%"),
    (3, "logit", 12.3456, ""),
    ([3, 4], "log_probability", -3.0, ""),
    (((3, -1.0),), "log_probability", 3.0, ""),
    (3, "log_probability", math.nan, ""),
)
def test_a_log_probability_is_said_as_a_probability(targets: Any, kind: ScoreKind, score: float, said: str) -> None:
    assert da.classes(targets, kind).on(judge()).list_terms()[0].describe(score) == said
