"""Classify, Similarity and Objective Score: what models say of images, and what the nodes say of bad ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from loaded_pack import Pack, Toy, assert_is_image, refuse_all


def test_verdicts_of_a_batch_stand_in_paragraphs(pack: Pack, toy: Any) -> None:
    with torch.inference_mode():
        image = torch.rand(3, 20, 50, 3)
    text, chart, probability = pack.run("DAS_Classify", classifier=toy, image=image, top_k=9)
    assert [block.splitlines()[0] for block in text.split("\n\n")] == [f"image {i}: toy sees:" for i in (1, 2, 3)]
    assert text.count("class ") == 3 * 4
    assert_is_image(chart, 3, *chart.shape[1:3])
    assert f"{probability:.1%}" in text.splitlines()[1]


def test_similarities_of_a_batch_stand_in_paragraphs_and_the_first_is_a_cosine(pack: Pack) -> None:
    clip = pack.clip(Toy())
    images = torch.rand(2, 16, 16, 3, generator=torch.Generator().manual_seed(2))
    text, chart, first = pack.run("DAS_Similarity", clip=clip, image=images, text="(a cat:2)\na horse: 3")
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert [block[0] for block in blocks] == ["image 1: toy finds it near to:", "image 2: toy finds it near to:"]
    for block in blocks:
        values = [float(line.split()[0]) for line in block[1:]]
        assert values == sorted(values, reverse=True)
        # Weights are taken off.
        assert {line.split(maxsplit=1)[1] for line in block[1:]} == {"a cat", "a horse"}
    assert_is_image(chart, 2, *chart.shape[1:3])
    views = (images[:1].movedim(-1, 1) - 0.5) / 0.5
    cosine = torch.cosine_similarity(clip.module(views), clip.text_tower.encode("a cat")[None])
    assert first == pytest.approx(float(cosine), abs=1e-5)


def test_the_text_tower_is_done_before_the_image_tower_is_loaded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    clip = pack.clip(Toy(), texts=events)
    bridge = pack.module("nodes.bridge")
    monkeypatch.setattr(bridge, "load_text_tower", lambda reader, texts: events.append("text tower loaded"))
    monkeypatch.setattr(bridge, "load_judges", lambda judges, views: events.append(f"image tower, {views} images"))
    pack.run("DAS_Similarity", clip=clip, image=torch.rand(2, 9, 9, 3), text="a cat\na dog")
    assert events == ["text tower loaded", "a cat", "a dog", "image tower, 2 images"]


def test_charts_beyond_memory_are_refused(pack: Pack, toy: Any, set_free_memory: Callable[[int], None]) -> None:
    many = torch.rand(1, 16, 16, 3).expand(10_000, -1, -1, -1)
    texts: list[str] = []
    clip = pack.clip(Toy(), 4, texts)
    set_free_memory(2**30)
    with pytest.raises(ValueError, match=r"a chart of 3 bars for each of 10000 images needs about .*: ask about fewer"):
        pack.run("DAS_Classify", classifier=toy, image=many, top_k=3)
    with pytest.raises(ValueError, match=r"a chart of 2 bars for each of 10000 images needs about .*: ask about fewer"):
        pack.run("DAS_Similarity", clip=clip, image=many, text="a\nb")
    assert not texts


def images(batch: int = 3) -> Tensor:
    return torch.rand(batch, 24, 32, 3, generator=torch.Generator().manual_seed(1))


def score(pack: Pack, image: Tensor, **inputs: Any) -> tuple[Any, ...]:
    if "objectives" not in inputs:
        inputs["objectives"] = {"objective0": pack.objective(classes="1"), "objective1": pack.objective(classes="2")}
    return pack.run("DAS_ObjectiveScore", image=image, **inputs)


def test_the_best_is_first_alone_and_by_its_place(pack: Pack) -> None:
    with torch.inference_mode():
        given = images()
    ranked, text, best, chart, index = score(pack, given)
    assert_is_image(ranked, 3, 24, 32)
    assert_is_image(best, 1, 24, 32)
    assert_is_image(chart, 1, *chart.shape[1:3])
    order = [int(line.split()[1].rstrip(":")) - 1 for line in text.splitlines()]
    assert sorted(order) == [0, 1, 2]
    assert torch.equal(ranked, given[order])
    assert torch.equal(best, ranked[:1])
    assert index == order[0]
    assert "class 1" in text
    totals = [float(line.split()[2]) for line in text.splitlines()]
    assert totals == sorted(totals, reverse=True)


test_what_cannot_be_is_refused = refuse_all(
    {
        r"scoring 1 images of 32 x 24 with their margins needs about .* smaller jitter": (
            lambda pack: score(pack, images(1), augmentation=pack.augmentation(jitter=2000))
        )
    },
    free=2**28,
)


def test_words_for_an_image_and_for_what_tells_two_apart(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    words = pack.module("das_core.models.words")
    names = ("cat", "house", "sea")
    monkeypatch.setattr(words, "list_words", lambda: names)
    monkeypatch.setattr(pack.module("das_core.report.description"), "list_words", lambda: names)
    clip, images = pack.clip(Toy()), torch.rand(2, 9, 12, 3)
    text, found = pack.run("DAS_Describe", clip=clip, image=images, count=2)
    assert [block.splitlines()[0] for block in text.split("\n\n")] == [f"image {n}: toy would call it:" for n in (1, 2)]
    assert set(found.split("\n")) < set(names)
    apart, _ = pack.run("DAS_Describe", clip=clip, image=images[:1], other=images[:1], count=3)
    assert [line.split()[0] for line in apart.splitlines()[1:]] in (["0.000"] * 3, ["-0.000"] * 3)
    with pytest.raises(ValueError, match="has no text tower"):
        pack.run("DAS_Describe", clip=replace(clip, text=None), image=images)
