"""The text tower of a CLIP: texts are read once, one at a time, and not too many are kept."""

import numpy as np
import pytest
import torch
from torch import Tensor

from das_core.models.text_tower import TextTower


def word_counter(read: list[str] | None = None) -> TextTower:
    """A tower whose tokens are words, of which it takes four; it remembers in `read` what it was shown."""

    def encode(text: str) -> Tensor:
        if read is not None:
            read.append(text)
        return torch.tensor([float(len(text)), 1.0, 2.0])

    return TextTower(encode, lambda text: len(text.split()), 4)


def test_a_text_is_read_once_and_its_embedding_has_length_1() -> None:
    read: list[str] = []
    tower = word_counter(read)
    first = tower.embed("a cat")
    assert tower.embed("a dog") is not first
    assert tower.embed("a cat") is first
    assert read == ["a cat", "a dog"]
    np.testing.assert_allclose(first.numpy(), np.array([5.0, 1.0, 2.0]) / np.linalg.norm([5.0, 1.0, 2.0]), rtol=1e-6)


def test_the_memory_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("das_core.models.text_tower._CACHE_SIZE", 2)
    tower = word_counter()
    for text in "abc":
        tower.embed(text)
    assert [tower.is_cached(text) for text in "abc"] == [False, True, True]


def test_tokens_past_the_context_length_are_counted() -> None:
    tower = word_counter()
    assert tower.count_truncated("one two three four") == 0
    assert tower.count_truncated("one two three four five six") == 2


def test_an_embedding_meets_autograd_whatever_mode_it_was_made_in() -> None:
    weight = torch.ones(3, requires_grad=True)
    tower = TextTower(lambda text: weight * len(text), len, 77)
    with torch.inference_mode():
        embedding = tower.embed("a cat")
    assert not embedding.is_inference()
    assert not embedding.requires_grad
    assert embedding.dtype == torch.float32


def test_by_default_a_tower_reads_every_script() -> None:
    assert word_counter().reads("\u732b")
