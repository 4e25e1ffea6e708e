"""Classifiers: probabilities, precisions, and what is refused."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.models.classifier import Classifier, build_classifier
from das_core.models.label_sets import imagenet_labels, number_labels
from toys import random_views
from untrained import HALF, assert_same_answer


class Middle(nn.Module):
    """Logits of two classes: the mean of red, and of green."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))[:, :2]


MIDDLE = Classifier("toy", Middle(), 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(2))


@each_case("dtype", [torch.float32, torch.float64, torch.float16])
def test_probabilities_are_the_softmax_of_the_logits(dtype: torch.dtype) -> None:
    images = random_views(8, 40).to(dtype).requires_grad_()
    before = images.detach().clone()
    logits = before.double().numpy().mean(axis=(2, 3))[:, :2]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answer = MIDDLE.probabilities(images)
    np.testing.assert_allclose(answer.numpy(), expected, rtol=1e-5)
    assert answer.dtype == torch.float32
    assert torch.equal(images.detach(), before)


def test_oblong_images_are_judged_by_their_middle_square() -> None:
    image = torch.zeros(1, 3, 16, 40)
    image[:, 1] = 1  # green, and red where the middle square is
    image[..., 12:28] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    torch.testing.assert_close(MIDDLE.probabilities(image), torch.tensor([[1.0, 0.0]]).softmax(dim=1))


@each_case(
    ("images", "says"),
    [
        (torch.rand(1, 4, 8, 8), "the image to classify has 4 channels .an alpha channel. where 3 are needed"),
        (torch.full((1, 3, 8, 8), torch.nan), "holds 192 values that are NaN or infinite"),
    ],
)
def test_what_is_no_image_is_refused(images: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MIDDLE.probabilities(images)


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(ValueError, match="odd does not answer with one number a class; choose a classifier"):
        build_classifier("odd", nn.Identity(), 8, HALF, HALF)


@each_case("classes", [1000, 7])
def test_a_module_becomes_a_frozen_classifier_with_labels_for_its_classes(classes: int) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(192, classes))
    made = build_classifier("toy", module, 8, HALF, (0.25, 0.25, 0.25))
    assert (made.name, made.size, made.mean, made.std) == ("toy", 8, HALF, (0.25, 0.25, 0.25))
    assert made.labels == (imagenet_labels() if classes == 1000 else number_labels(7))
    assert made.module is not module
    assert not any(part.training for part in made.module.modules())
    assert_same_answer(made, module.eval(), HALF, (0.25, 0.25, 0.25))
