"""Several models as one judge."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from das_core.models.clip import CLIP
from das_core.models.ensemble import ClassifierEnsemble, CLIPEnsemble
from das_core.models.labels import Label, Labels
from das_core.models.layers.layer import find_layers
from das_core.models.text_tower import TextTower
from das_core.objectives.classes import class_objective
from das_core.objectives.embedding import EmbeddingScore, text_objective
from toys import classifier, random_views


def clip(name: str, seed: int, width: int, size: int = 16, words: int = 77) -> CLIP:
    generator = torch.Generator().manual_seed(seed)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, width)).requires_grad_(False)
    module[1].weight.data = torch.randn(module[1].weight.shape, generator=generator)
    table = torch.randn(26, width, generator=generator)
    text = TextTower(lambda text: sum(table[ord(letter) % 26] for letter in text), lambda text: len(text), words)  # type: ignore[arg-type, return-value]
    return CLIP(name, module, size, (0.5,) * 3, (0.5,) * 3, width=width, text=text)  # type: ignore[arg-type]


def test_logits_and_probabilities_are_means_over_members_at_their_own_sizes() -> None:
    small, large = classifier(16, seed=1), classifier(32, seed=2)
    both = ClassifierEnsemble.from_members([small, large])
    views = random_views(32, 3)
    shrunk = F.interpolate(views, size=16, mode="bilinear", antialias=True)
    torch.testing.assert_close(both(views), (small(shrunk) + large(views)) / 2)
    assert both.size == 32
    assert both.name == "toy + toy"
    image = random_views(40, 2)
    expected = (small.probabilities(image) + large.probabilities(image)) / 2
    actual = both.probabilities(image)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(actual.sum(dim=1), torch.ones(2))


def test_other_classes_and_fewer_than_two_members_are_refused() -> None:
    with pytest.raises(ValueError, match=r"toy and toy know different classes \(10 and 7\)"):
        ClassifierEnsemble.from_members([classifier(classes=10), classifier(classes=7)])
    named = replace(classifier(classes=2), labels=Labels((Label(("cat",)), Label(("dog",)))))
    swapped = replace(named, labels=Labels((Label(("dog",)), Label(("cat",)))))
    with pytest.raises(ValueError, match="know different classes"):
        ClassifierEnsemble.from_members([named, swapped])
    with pytest.raises(ValueError, match="an ensemble of 1 is none"):
        ClassifierEnsemble.from_members([classifier()])
    with pytest.raises(ValueError, match="an ensemble of 0 is none"):
        CLIPEnsemble.from_members([])


def test_the_cosine_of_an_ensemble_is_the_mean_of_its_members() -> None:
    one, other = clip("one", 1, 5), clip("other", 2, 9, size=24)
    both = CLIPEnsemble.from_members([one, other])
    images, texts = random_views(40, 3), ["castle", "reef"]
    cosines = [member.encode_images(images) @ member.encode_text(texts).T for member in (one, other)]
    torch.testing.assert_close(both.encode_images(images) @ both.encode_text(texts).T, (cosines[0] + cosines[1]) / 2)
    torch.testing.assert_close(both.encode_text(texts).norm(dim=1), torch.ones(2))
    assert both.width == 14


def test_embeddings_are_split_into_those_of_the_members() -> None:
    members = [clip("one", 1, 5), clip("other", 2, 9)]
    both = CLIPEnsemble.from_members(members)
    for part, member in zip(both.split(both.encode_text(["castle"])), members, strict=True):
        torch.testing.assert_close(part, member.encode_text(["castle"]))


def test_it_reads_only_what_all_members_read_and_as_far_as_the_shortest() -> None:
    long, short = clip("long", 1, 5), clip("short", 2, 5, words=3)
    both = CLIPEnsemble.from_members([long, short])
    assert both.text_tower.count_truncated("castle") == 3
    with pytest.raises(ValueError, match="has no text tower"):
        _ = CLIPEnsemble.from_members([long, replace(short, text=None)]).text_tower
    # The same holds of scripts.
    every = clip("every", 1, 5)
    latin = replace(every, text=replace(every.text_tower, reads=str.isascii))
    assert CLIPEnsemble.from_members([every, every]).text_tower.reads("\u732b")
    assert not CLIPEnsemble.from_members([every, latin]).text_tower.reads("\u732b")
    assert CLIPEnsemble.from_members([latin, every]).text_tower.reads("a cat")


def test_precision_changes_all_members() -> None:
    both = ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)])
    assert both.with_precision(torch.float32) is both
    half = both.with_precision(torch.bfloat16)
    assert [member.dtype for member in half.members] == [torch.bfloat16] * 2
    assert [member.dtype for member in both.members] == [torch.float32] * 2
    assert half(random_views(32)).dtype is torch.float32


def test_members_are_listed_and_the_module_holds_all_of_them() -> None:
    members = (classifier(seed=1), classifier(seed=2))
    both = ClassifierEnsemble.from_members(members)
    assert both.members == members
    assert members[0].members == members[:1]
    assert [id(module) for module in both.module] == [id(member.module) for member in members]  # type: ignore[arg-type, union-attr]


def test_an_objective_has_a_part_for_every_member() -> None:
    members = [classifier(seed=1), classifier(16, seed=2)]
    objective = class_objective(ClassifierEnsemble.from_members(members), ((3, 1.0),), weight=0.8)
    assert [(term.judge, term.weight) for term in objective.terms] == [(members[0], 0.4), (members[1], 0.4)]
    alone = class_objective(members[0], ((3, 1.0),))
    assert [(term.judge, term.weight) for term in alone.terms] == [(members[0], 1.0)]


def test_a_text_has_the_targets_of_every_member() -> None:
    members = [clip("one", 1, 5), clip("other", 2, 9)]
    objective = text_objective(CLIPEnsemble.from_members(members), "castle\nreef: -0.5", weight=3.0)
    for part, member in zip(objective.terms, members, strict=True):
        (own,) = text_objective(member, "castle\nreef: -0.5").terms
        assert isinstance(part.score, EmbeddingScore)
        assert isinstance(own.score, EmbeddingScore)
        torch.testing.assert_close(part.score.targets, own.score.targets)
        assert (part.judge, part.score.weights, part.weight) == (member, own.score.weights, 1.5)


def test_layers_belong_to_one_model() -> None:
    both = ClassifierEnsemble.from_members([classifier(seed=1), classifier(seed=2)])
    with pytest.raises(ValueError, match="is an ensemble, and a layer belongs to one model: load toy or toy"):
        find_layers(both)
