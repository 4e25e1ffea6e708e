"""The text tower of a CLIP: texts are read once, one at a time, and not too many are kept."""

import numpy as np
import pytest
import torch

from das_core.models.text_tower import TextTower


def tower() -> TextTower:
    """A tower whose tokens are words, of which it takes four."""
    return TextTower(lambda text: torch.tensor([float(len(text)), 1.0, 2.0]), lambda text: len(text.split()), 4)


def test_a_text_is_read_once_and_its_embedding_has_length_1() -> None:
    words = tower()
    first = words.embed("a cat")
    assert words.embed("a dog") is not first
    assert words.embed("a cat") is first
    np.testing.assert_allclose(first.numpy(), np.array([5.0, 1.0, 2.0]) / np.linalg.norm([5.0, 1.0, 2.0]), rtol=1e-6)


def test_the_memory_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("das_core.models.text_tower._CACHE_SIZE", 2)
    words = tower()
    for text in "abc":
        words.embed(text)
    assert [words.is_cached(text) for text in "abc"] == [False, True, True]


def test_an_embedding_meets_autograd_whatever_mode_it_was_made_in() -> None:
    weight = torch.ones(3, requires_grad=True, dtype=torch.float64)
    with torch.inference_mode():
        embedding = TextTower(lambda text: weight * len(text), len, 77).embed("a cat")
    assert not embedding.is_inference()
    assert not embedding.requires_grad
    assert embedding.dtype == torch.float32
