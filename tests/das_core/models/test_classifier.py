"""Classifiers: whole ones, those that answer by a part of their last features, several as one, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import direct_ascent as da
from cases import each_case
from das_core.models.classifier import build_classifier
from das_core.models.ensemble import ClassifierEnsemble, CLIPEnsemble
from das_core.models.labels import Label, Labels, imagenet_labels, number_labels
from das_core.models.text_tower import TextTower
from toys import classifier, random_views
from untrained import HALF, assert_same_answer


class Middle(nn.Module):
    """Logits of two classes: the mean of red, and of green."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))[:, :2]


MIDDLE = da.Classifier("toy", Middle(), 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=number_labels(2))


@each_case("dtype", torch.float32, torch.float64, torch.float16)
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


def test_what_is_no_image_and_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the image to classify has 4 channels \(an alpha channel\) where 3 are"):
        MIDDLE.probabilities(torch.rand(1, 4, 8, 8))
    with pytest.raises(ValueError, match="odd does not answer with one number a class; choose a classifier"):
        build_classifier("odd", nn.Identity(), 8, HALF, HALF)


@each_case("classes", 1000, 7)
def test_a_module_becomes_a_frozen_classifier_with_labels_for_its_classes(classes: int) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(192, classes))
    made = build_classifier("toy", module, 8, HALF, (0.25, 0.25, 0.25))
    assert (made.name, made.size, made.mean, made.std) == ("toy", 8, HALF, (0.25, 0.25, 0.25))
    assert made.labels == (imagenet_labels() if classes == 1000 else number_labels(7))
    assert made.module is module
    assert not any(part.training for part in made.module.modules())
    assert_same_answer(made, module.eval(), HALF, (0.25, 0.25, 0.25))


def clip(name: str, seed: int, width: int, size: int = 16, words: int = 77) -> da.CLIP:
    generator = torch.Generator().manual_seed(seed)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, width)).requires_grad_(False)
    module[1].weight.data = torch.randn(width, 3 * size * size, generator=generator)
    table = torch.randn(26, width, generator=generator)
    text = TextTower(lambda text: table[[ord(letter) % 26 for letter in text]].sum(dim=0), len, words)
    half = (0.5, 0.5, 0.5)
    return da.CLIP(name, module, size, half, half, width=width, text=text)


def test_logits_and_probabilities_are_means_over_members_at_their_own_sizes() -> None:
    members = small, large = classifier(16, seed=1), classifier(32, seed=2)
    both = ClassifierEnsemble.from_members(members)
    assert (both.size, both.name, both.members, small.members) == (32, "toy + toy", members, (small,))
    views = random_views(32, 3)
    shrunk = F.interpolate(views, size=16, mode="bilinear", antialias=True)
    torch.testing.assert_close(both(views), (small(shrunk) + large(views)) / 2)
    image = random_views(40, 2)
    expected = (small.probabilities(image) + large.probabilities(image)) / 2
    torch.testing.assert_close(both.probabilities(image), expected)
    assert [id(module) for module in both.module.children()] == [id(member.module) for member in members]
    with pytest.raises(ValueError, match="is an ensemble, and a layer belongs to one model: load toy or toy by itself"):
        da.find_layers(both)


def test_other_classes_and_fewer_than_two_members_are_refused() -> None:
    with pytest.raises(ValueError, match=r"toy and toy know different classes \(10 and 7\)"):
        ClassifierEnsemble.from_members([classifier(classes=10), classifier(classes=7)])
    named = replace(classifier(classes=2), labels=Labels((Label(("cat",)), Label(("dog",)))))
    swapped = replace(named, labels=Labels((Label(("dog",)), Label(("cat",)))))
    with pytest.raises(ValueError, match="know different classes"):
        ClassifierEnsemble.from_members([named, swapped])
    with pytest.raises(ValueError, match="an ensemble of 1 is none; give it at least two"):
        ClassifierEnsemble.from_members([classifier()])


def test_the_cosine_of_an_ensemble_is_the_mean_of_its_members() -> None:
    one, other = clip("one", 1, 5), clip("other", 2, 9, size=24)
    both = CLIPEnsemble.from_members([one, other])
    images, texts = random_views(40, 3), ["castle", "reef"]
    cosines = [member.encode_images(images) @ member.encode_text(texts).T for member in (one, other)]
    torch.testing.assert_close(both.encode_images(images) @ both.encode_text(texts).T, (cosines[0] + cosines[1]) / 2)
    torch.testing.assert_close(both.encode_text(texts).norm(dim=1), torch.ones(2))
    assert both.width == 14
    for part, member in zip(both.split(both.encode_text(texts)), (one, other), strict=True):
        torch.testing.assert_close(part, member.encode_text(texts))
    views = random_views(24, 2)
    shrunk = F.interpolate(views, size=16, mode="bilinear", antialias=True)
    for part, answer in zip(both.split(both(views)), (one(shrunk), other(views)), strict=True):
        torch.testing.assert_close(part, F.normalize(answer, dim=1))


def test_it_reads_only_what_all_members_read_and_as_far_as_the_shortest() -> None:
    long, short = clip("long", 1, 5), clip("short", 2, 5, words=3)
    assert CLIPEnsemble.from_members([long, short]).text_tower.count_truncated("castle") == 3
    assert CLIPEnsemble.from_members([long, replace(short, text=None)]).text is None
    latin = replace(long, text=replace(long.text_tower, reads=str.isascii))
    assert CLIPEnsemble.from_members([long, long]).text_tower.reads("\u732b")
    assert not CLIPEnsemble.from_members([long, latin]).text_tower.reads("\u732b")
    assert CLIPEnsemble.from_members([latin, long]).text_tower.reads("a cat")


def test_precision_and_device_change_all_members() -> None:
    for both in (
        ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)]),
        CLIPEnsemble.from_members([clip("one", 1, 5), clip("other", 2, 9)]),
    ):
        assert both.with_precision(torch.float32) is both.to("cpu") is both
        half = both.with_precision(torch.bfloat16)
        assert type(half) is type(both)
        assert [member.dtype for member in half.members] == [torch.bfloat16] * 2
        assert [member.dtype for member in both.members] == [torch.float32] * 2
        assert half(random_views(32)).dtype is torch.float32
        assert [member.device.type for member in both.to("meta").members] == ["meta"] * 2
