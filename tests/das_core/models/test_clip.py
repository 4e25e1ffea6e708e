"""What a CLIP answers, and its text tower: what it reads, what it keeps, and what it says when it cannot."""

import dataclasses
import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import refuses
from das_core.common.interruption import interruptible
from das_core.models.clip import CLIP, assemble_clip
from das_core.models.text_tower import TextTower, is_mostly_latin, knows_other_scripts
from das_core.models.word_table import read_word_table
from stops import StopError
from tinyclip import clip
from toys import judge


class Mean(nn.Module):
    """The mean of every channel."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3))


def reader(width: int = 3, value: float = 1.0) -> TextTower:
    """A tower whose tokens are words; the numbers of a text other than the one it is tried with are multiplied."""

    def encode(text: str) -> Tensor:
        return torch.tensor([float(len(text)), 1.0, 2.0, 0.0][:width]) * (1.0 if text == "a photo" else value)

    return TextTower(encode, lambda text: len(text.split()), 4)


def toy(text: TextTower | None = None, module: nn.Module | None = None) -> CLIP:
    return assemble_clip(judge(module or Mean(), 8), text, "shortest", "bicubic")


def test_texts_are_embedded_in_their_order_each_by_itself() -> None:
    embeddings = toy(reader()).encode_text(["a cat", "a castle", "a cat"])
    expected = np.array([[5.0, 1, 2], [8.0, 1, 2], [5.0, 1, 2]])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings.numpy(), expected, rtol=1e-6)


def test_tokens_past_the_context_length_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        toy(reader()).encode_text(["one two three four", "one two three four five six"])
    (record,) = caplog.records
    assert "'one two three four five six…' is longer than toy can read: 2 of its 6 tokens were cut" in record.message


def test_only_texts_that_the_tower_was_not_made_to_read_are_described() -> None:
    model = toy(dataclasses.replace(reader(), reads=str.isascii))
    assert model.describe_unread(["a cat", "a dog"]) is None
    assert model.describe_unread(["a cat", "\u732b"]) == "toy reads Latin letters and hardly understands '\u732b'"
    many = model.describe_unread(["\u732b" * 100, "a cat", "\u72ac", "\u9b5a"])
    assert many is not None
    assert many.endswith("\u732b\u732b…' and 2 more")
    assert len(many) < 120
    # By default a tower reads everything.
    assert toy(reader()).describe_unread(["\u732b"]) is None


test_a_text_that_cannot_be_read_is_named = refuses(
    lambda tower, texts: toy(tower).encode_text(texts),
    (reader(), [], "no text is given; write at least one"),
    (reader(), ["a cat", " \t"], "a text is empty; write what the image should show"),
    (reader(), ["a cat", "cat " * 3000], r"the text 'cat cat .*' has 12,000 characters; write 10,000"),
    (None, ["a cat"], "toy has no text tower, so it cannot be asked in words; use images"),
    (reader(value=float("nan")), ["a cat"], "no numbers"),
    (reader(value=0.0), ["a cat"], "the text 'a cat' is nothing at all to toy"),
)


def test_an_image_is_shown_by_its_middle_square_or_squashed_as_in_training() -> None:
    image = torch.zeros(1, 3, 8, 16)
    image[:, 0, :, 4:12] = 1
    image[:, 1, :, :4] = image[:, 1, :, 12:] = 1
    torch.testing.assert_close(toy().encode_images(image), torch.tensor([[1.0, 0.0, 0.0]]), atol=1e-3, rtol=0)
    squashed = assemble_clip(judge(Mean(), 8), None, "squash", "bilinear")
    half = torch.tensor([[1.0, 1.0, 0.0]]) / 2**0.5
    torch.testing.assert_close(squashed.encode_images(image), half, atol=1e-2, rtol=0)


def test_batches_are_embedded_image_by_image_and_left_as_they_are() -> None:
    model = clip()
    images = torch.rand(20, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    embeddings = model.encode_images(images)
    assert embeddings.shape == (20, 24)
    assert not embeddings.requires_grad
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(20))
    torch.testing.assert_close(embeddings[18:19], model.encode_images(images[18:19]), atol=1e-5, rtol=0)
    assert torch.equal(images, before)


def test_what_cannot_be_embedded_is_named() -> None:
    with pytest.raises(ValueError, match=r"the image to embed has 4 channels \(an alpha channel\)"):
        toy().encode_images(torch.rand(1, 4, 8, 8))
    with pytest.raises(ValueError, match="image 2 is nothing at all to toy"):
        toy().encode_images(torch.stack([torch.ones(3, 8, 8), torch.zeros(3, 8, 8)]))


test_towers_that_do_not_fit_together_are_named = refuses(
    toy,
    (None, nn.Identity(), "toy does not answer an image with one embedding; choose another model"),
    (reader(4), Mean(), r"toy has embeddings of 3 numbers and its text tower of 4.*choose"),
    (TextTower(lambda text: torch.zeros(3)[99], len, 9), Mean(), r"tower of toy cannot read \(IndexError: .*; its"),
)


def test_lower_precision_keeps_the_text_tower_and_what_it_has_read() -> None:
    full = clip()
    assert full.with_precision(torch.bfloat16).text_tower is full.text_tower


def test_reading_can_be_ended_between_two_texts() -> None:
    def stop() -> None:
        if model.text_tower.is_cached("b"):
            raise StopError

    model = toy(reader())
    with pytest.raises(StopError), interruptible(stop):
        model.encode_text(["a", "b", "c", "d"])
    assert [model.text_tower.is_cached(text) for text in "abcd"] == [True, True, False, False]


def test_a_text_is_read_once_and_its_embedding_has_length_1() -> None:
    words = reader()
    first = words.embed("a cat")
    assert words.embed("a dog") is not first
    assert words.embed("a cat") is first
    np.testing.assert_allclose(first.numpy(), np.array([5.0, 1.0, 2.0]) / np.linalg.norm([5.0, 1.0, 2.0]), rtol=1e-6)


def test_the_memory_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("das_core.models.text_tower._CACHE_SIZE", 2)
    words = reader()
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


def test_most_letters_decide() -> None:
    for text in ("Dvo\u0159\u00e1k, na\u00efve", "\uff43\uff41\uff54", "", "12:30 \U0001f41f !", "ab\u57ce\u5821"):
        assert is_mostly_latin(text)
    for text in ("\u57ce\u5821\u57ce\u5821 4k", "\u0437\u0430\u043c\u043e\u043a", "\u0642\u0644\u0639\u0629"):
        assert not is_mostly_latin(text)


def test_a_vocabulary_knows_another_script_if_it_has_many_words_in_it() -> None:
    # The vocabulary of an English BERT has 1,400 letters of other scripts, too.
    english = [*read_word_table().words, *map(chr, range(0x4E00, 0x4E00 + 1400))]
    assert not knows_other_scripts(english)
    chinese = [chr(0x4E00 + number) for number in range(5000)]
    assert knows_other_scripts(["castle", *chinese])
    assert not knows_other_scripts(["castle", *chinese[:-1]])
