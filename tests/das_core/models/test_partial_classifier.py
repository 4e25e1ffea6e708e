"""Classifiers that answer by a part of their last features: which, and for whom."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.models import Classifier, make_partial_classifier
from das_core.models.label_sets import number_labels

FEATURES = 48
VIEWS = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(0)) + 0.5
IMAGES = [(7, 0), (7, 1), (7, 0), (8, 0)]


def make_classifier(module: nn.Module, classes: int) -> Classifier:
    labels = number_labels(classes)
    return Classifier("toy", module.requires_grad_(False), 4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=labels)


def reveal() -> Classifier:
    """A classifier whose logits are its last features."""
    head = nn.Linear(FEATURES, FEATURES, bias=False)
    head.weight.data = torch.eye(FEATURES)
    return make_classifier(nn.Sequential(nn.Flatten(), head), FEATURES)


@each_case("share", [0.001, 0.25, 0.5, 1.0])
def test_a_share_of_the_features_counts_and_stands_in_for_all(share: float) -> None:
    answers = make_partial_classifier(reveal(), share).answer(VIEWS, IMAGES)
    kept = answers != 0
    assert (kept.sum(dim=1) == max(1, round(share * FEATURES))).all()
    np.testing.assert_allclose(answers[kept].numpy(), VIEWS.flatten(1).numpy()[kept.numpy()] / share, rtol=1e-5)


def test_what_counts_belongs_to_the_seed_and_the_image() -> None:
    kept = make_partial_classifier(reveal(), 0.5).answer(VIEWS, IMAGES) != 0
    assert torch.equal(kept[0], kept[2])
    assert not torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[3])
    alone = make_partial_classifier(reveal(), 0.5).answer(VIEWS[1:2], [(7, 1)]) != 0
    assert torch.equal(alone[0], kept[1])


def test_all_features_count_without_an_ascent_and_for_the_whole_of_it_even_after_a_failure() -> None:
    classifier = reveal()
    partial = make_partial_classifier(classifier, 0.5)
    with pytest.raises(RuntimeError):
        partial.answer(torch.rand(1, 3, 9, 9), [(0, 0)])
    assert torch.equal(partial(VIEWS), classifier(VIEWS))
    assert torch.equal(partial.whole.answer(VIEWS, IMAGES), classifier(VIEWS))
    assert partial.whole == classifier


class TwoHeads(nn.Module):
    """A head for a token of the class and one for a token of distillation, as in DeiT; tokens are kept in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.head_dist = nn.Linear(FEATURES, 5), nn.Linear(FEATURES, 5)

    def forward(self, views: Tensor) -> Tensor:
        tokens = views.flatten(1)[:, None].expand(-1, 2, -1)
        return (self.head(tokens)[:, 0] + self.head_dist(tokens)[:, 1]) / 2


def test_both_heads_of_a_distilled_model_leave_out_the_same() -> None:
    classifier, ones = make_classifier(TwoHeads(), 5), torch.ones(1, 3, 4, 4)
    answer = make_partial_classifier(classifier, 0.5).answer(ones, [(3, 2)])
    kept = make_partial_classifier(reveal(), 0.5).answer(ones, [(3, 2)])
    np.testing.assert_allclose(answer.numpy(), classifier(kept.reshape(1, 3, 4, 4)).numpy(), rtol=1e-5)


@each_case("share", [0.0, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"a share of {share} of the features: choose one above 0"):
        make_partial_classifier(reveal(), share)


def test_a_classifier_without_a_linear_last_layer_is_refused() -> None:
    pooled = make_classifier(nn.Sequential(nn.AvgPool2d(4), nn.Flatten()), 3)
    with pytest.raises(ValueError, match=r"toy has no linear layer with an output for each of its 3 classes.*variety"):
        make_partial_classifier(pooled, 0.5)
