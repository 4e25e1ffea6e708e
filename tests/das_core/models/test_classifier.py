"""Classifiers: probabilities, precisions, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.models.classifier import Classifier, build_classifier
from das_core.models.label_sets import imagenet_labels, number_labels
from toys import classifier, random_views
from untrained import HALF, assert_same_answer


class Middle(nn.Module):
    """Logits of two classes: the mean of red, and of green."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))[:, :2]


def middle(size: int = 8) -> Classifier:
    return Classifier("toy", Middle(), size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(2))


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    logits = images.numpy().astype(np.float64).mean(axis=(2, 3))[:, :2]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(middle().probabilities(images).numpy(), expected, rtol=1e-5)


@each_case(("height", "width"), [(8, 20), (20, 8), (16, 40), (5, 3), (1, 1), (9, 8)])
def test_oblong_images_are_judged_by_their_middle_square(height: int, width: int) -> None:
    image = torch.zeros(1, 3, height, width)
    image[:, 1] = 1  # green, and red where the middle square is
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image[:, :, top : top + side, left : left + side] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    expected = torch.tensor([[1.0, 0.0]]).softmax(dim=1)
    torch.testing.assert_close(middle().probabilities(image), expected)


def test_probabilities_of_any_precision_and_without_a_graph() -> None:
    images = random_views(8, 2).requires_grad_()
    before = images.detach().clone()
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        answer = middle().probabilities(images.to(dtype))
        assert answer.dtype == torch.float32
        assert not answer.requires_grad
    assert torch.equal(images.detach(), before)


@each_case(
    ("images", "says"),
    [
        (torch.rand(8, 8), r"the image to classify has the shape \(8, 8\)"),
        (torch.rand(0, 3, 8, 8), r"the shape \(0, 3, 8, 8\)"),
        (torch.rand(1, 3, 0, 8), r"the shape \(1, 3, 0, 8\)"),
        (torch.rand(1, 4, 8, 8), "4 channels .an alpha channel. where 3 are needed"),
        (torch.rand(1, 1, 8, 8), "1 channels .one grey channel. where 3 are needed"),
        (torch.full((1, 3, 8, 8), torch.nan), "holds 192 values that are NaN or infinite"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"whole numbers \(torch.uint8\)"),
    ],
)
def test_what_is_no_image_is_refused(images: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        middle().probabilities(images)


@each_case("dtype", [torch.bfloat16, torch.float16])
def test_lower_precision_answers_in_float32_and_changes_no_one(dtype: torch.dtype) -> None:
    full = replace(classifier(), owner=object())
    half = full.with_precision(dtype)
    views = random_views(32, 2).requires_grad_()
    answer = half(views)
    assert answer.dtype == torch.float32
    assert half.dtype == dtype
    assert half.labels is full.labels
    assert bool(answer.isfinite().all())
    answer.sum().backward()
    assert views.grad is not None
    assert bool(views.grad.isfinite().all())
    assert bool(views.grad.any())
    assert full.dtype == torch.float32
    assert full.owner is not None
    assert half.owner is None
    expected = full(views.detach())
    assert torch.cosine_similarity(answer.detach().flatten(), expected.flatten(), dim=0) > 0.98


class Odd(nn.Module):
    """Answers with whatever it is told to."""

    def __init__(self, answer: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> object:
        return self.answer(x)


@each_case(
    ("answer", "says"),
    [
        (lambda x: x, "odd does not answer with one number a class; choose a classifier"),
        (lambda x: {"logits": x.mean((2, 3))}, "odd does not answer with one number a class"),
        (lambda x: x.reshape(1, 7), r"odd fails on colour images of 8 x 8 \(.*\); choose a classifier"),
    ],
)
def test_what_is_no_classifier_is_refused(answer: Callable[[Tensor], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        build_classifier("odd", Odd(answer), 8, HALF, HALF)


@each_case("classes", [1000, 7])
def test_a_module_becomes_a_frozen_classifier_with_labels_for_its_classes(classes: int) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(192, classes))
    made = build_classifier("toy", module, 8, HALF, (0.25, 0.25, 0.25))
    assert (made.name, made.size, made.mean, made.std) == ("toy", 8, HALF, (0.25, 0.25, 0.25))
    assert made.labels == (imagenet_labels() if classes == 1000 else number_labels(7))
    assert made.module is not module
    assert not any(part.training for part in made.module.modules())
    assert not any(parameter.requires_grad for parameter in made.module.parameters())
    assert_same_answer(made, module.eval(), HALF, (0.25, 0.25, 0.25))
