"""Descriptions: words of a starter for drawn pictures, the formula, two pictures, and words that are kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import direct_ascent as da
from das_core.models import words
from das_core.models.ensemble import CLIPEnsemble
from das_core.models.text_tower import TextTower
from das_core.report.description import describe, measure_fit
from toys import Mean

WIDTH = 6
LISTED = words.list_words  # Below, a shorter list takes its place.
NAMES = ("cat", "dog", "red dog", "sea")


def embed(text: str) -> torch.Tensor:
    return torch.randn(WIDTH, generator=torch.Generator().manual_seed(sum(map(ord, text))))


class Colours(Mean):
    """The means of all channels, each twice."""

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        return views.mean(dim=(2, 3)).repeat(1, 2)


def make(batch: bool = False, name: str = "toy") -> da.CLIP:
    many = (lambda texts: torch.stack([embed(text) for text in texts])) if batch else None
    tower = TextTower(embed, len, 77, nn.Identity(), encode_batch=many)  # As if it were a network.
    return da.CLIP(name, Colours(), 8, (0.4,) * 3, (1.0,) * 3, width=WIDTH, text=tower)


@pytest.fixture(autouse=True)
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "list_words", lambda: NAMES)
    monkeypatch.setattr("das_core.report.description.list_words", lambda: NAMES)


IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_words_are_ranked_by_their_cosines(tmp_path: Path) -> None:
    clip = make()
    embedded = words.embed_words(clip, tmp_path)
    cosines = clip.encode_images(IMAGES) @ F.normalize(torch.stack([embed(name) for name in NAMES]), dim=1).T
    for found, row in zip(describe(clip, IMAGES, words=embedded), cosines.tolist(), strict=True):
        assert [name for name, _ in found] == [name for _, name in sorted(zip(row, NAMES, strict=True), reverse=True)]
        assert [fit for _, fit in found] == pytest.approx(sorted(row, reverse=True), abs=1e-3)
    (((word, fit),),) = describe(clip, IMAGES[:1], IMAGES[1:], 1, embedded)
    apart = cosines[0] - cosines[1]
    assert word == NAMES[int(apart.argmax())]
    assert fit == pytest.approx(float(apart.max()), abs=1e-3)


def test_concepts_decide_what_a_word_means() -> None:
    concepts = F.normalize(torch.randn(9, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1)
    image, word = F.normalize(torch.ones(1, WIDTH), dim=1), F.normalize(torch.randn(3, WIDTH), dim=1)
    expected = torch.zeros(1, 3)
    for number in range(9):
        seen, meant = ((each @ concepts.T / 0.05).softmax(dim=1)[:, number] for each in (image, word))
        expected += seen[:, None] * meant
    torch.testing.assert_close(measure_fit(replace(make(), concepts=concepts), image, [word]), expected)


def test_the_words_of_an_ensemble_are_the_mean_of_its_members(tmp_path: Path) -> None:
    one = make(batch=True)
    two = replace(make(name="other"), text=TextTower(lambda text: embed(text[::-1] + "!"), len, 77))
    both = describe(CLIPEnsemble.from_members([one, two]), IMAGES, words=words.embed_words(one, tmp_path) * 2)
    alone = describe(one, IMAGES, words=words.embed_words(one, tmp_path))
    for first, second in zip(both, alone, strict=True):
        assert dict(first) == pytest.approx(dict(second))


def test_words_are_kept_for_one_text_tower_alone(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    first = words.embed_words(make(), tmp_path, lambda *done: said.append(done))
    assert said == [(len(NAMES), len(NAMES))]
    again = words.embed_words(make(), tmp_path, lambda *done: pytest.fail("they are encoded again"))
    assert torch.equal(first[0], again[0])
    other = replace(make(), text=TextTower(lambda text: embed(text + "!"), len, 77, nn.Identity()))
    assert not torch.equal(words.embed_words(other, tmp_path)[0], first[0])
    assert len(list(tmp_path.iterdir())) == 2
    # What is no network answers at once, and is asked again.
    words.embed_words(replace(make(), text=TextTower(embed, len, 77)), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_described_is_named() -> None:
    with pytest.raises(ValueError, match="count 0 is too few"):
        describe(make(), IMAGES, count=0)
    with pytest.raises(ValueError, match=r"'clip' is no CLIP; load one, such as load_starter_clip\(\)"):
        describe("clip", IMAGES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="reads no words; load a CLIP"):
        describe(da.load_starter(), IMAGES)
    with pytest.raises(ValueError, match="toy has no text tower"):
        describe(replace(make(), text=None), IMAGES)


def test_the_list_has_the_names_of_things() -> None:
    found = LISTED()
    assert len(found) == len(set(found)) > 28_000
    assert {"goldfish", "Shetland sheepdog", "red fox", "steel arch bridge"} < set(found)
    assert not {"Carassius auratus", ""} & set(found)
