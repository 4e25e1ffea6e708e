"""What a CLIP answers, and what it says when it cannot."""

import dataclasses
import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.common.interruption import interruptible
from das_core.models.clip import CLIP, assemble_clip
from das_core.models.judge import Judge
from das_core.models.text_tower import TextTower
from stops import StopError
from tinyclip import clip

ZEROS, ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


class Mean(nn.Module):
    """The mean of every channel."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3))


def judge(module: nn.Module | None = None) -> Judge:
    return Judge("toy", module or Mean(), 8, ZEROS, ONES)


def reader(width: int = 3, read: list[str] | None = None) -> TextTower:
    """A tower whose tokens are words; it remembers in `read` what it was shown."""

    def encode(text: str) -> Tensor:
        if read is not None:
            read.append(text)
        return torch.tensor([float(len(text)), 1.0, 2.0, 0.0][:width])

    return TextTower(encode, lambda text: len(text.split()), 4)


def toy(text: TextTower | None = None, module: nn.Module | None = None) -> CLIP:
    return assemble_clip(judge(module), text, "shortest", "bicubic")


def test_texts_are_read_once_and_one_at_a_time() -> None:
    read: list[str] = []
    model = toy(reader(read=read))
    read.clear()
    first = model.encode_text(["a cat", "a dog", "a cat"])
    assert read == ["a cat", "a dog"]
    assert torch.equal(model.encode_text(["a dog"])[0], first[1])
    assert read == ["a cat", "a dog"]
    assert model.text_tower.is_cached("a dog")
    assert not model.text_tower.is_cached("a bird")
    expected = np.array([5.0, 1.0, 2.0]) / np.linalg.norm([5.0, 1.0, 2.0])
    np.testing.assert_allclose(first.numpy(), np.stack([expected] * 3), rtol=1e-6)


def test_an_embedding_meets_autograd_whatever_mode_it_was_made_in() -> None:
    model = clip()
    with torch.inference_mode():
        embedding = model.encode_text(["a cat"])
    assert not model.text_tower.embed("a cat").is_inference()
    assert embedding.dtype == torch.float32
    assert not model.text_tower.embed("a cat").requires_grad


def test_tokens_past_the_context_length_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    model = toy(reader())
    assert (
        model.text_tower.count_truncated("one two three four"),
        model.text_tower.count_truncated("one two three four five six"),
    ) == (0, 2)
    with caplog.at_level(logging.WARNING):
        model.encode_text(["one two three four", "one two three four five six"])
    (record,) = caplog.records
    assert "'one two three four five six…' is longer than toy can read: 2 of its 6 tokens were cut" in record.message


def test_only_texts_that_the_tower_was_not_made_to_read_are_described() -> None:
    model = toy(dataclasses.replace(reader(), reads=str.isascii))
    assert model.describe_unread(["a cat", "a dog"]) is None
    assert model.describe_unread(["a cat", "\u732b"]) == ("toy reads Latin letters and hardly understands '\u732b'")
    many = model.describe_unread(["\u732b" * 100, "a cat", "\u72ac", "\u9b5a"])
    assert many is not None
    assert many.endswith("\u732b\u732b…' and 2 more")
    assert len(many) < 120
    # By default a tower reads everything.
    assert toy(reader()).describe_unread(["\u732b"]) is None
    with pytest.raises(ValueError, match="toy has no text tower"):
        toy().describe_unread(["\u732b"])


def empty_reader(value: float) -> TextTower:
    """A tower that makes this value of every text but the one with which it is tried."""
    return TextTower(lambda text: torch.full((3,), 1.0 if text == "a photo" else value), len, 99)


@each_case(
    ("tower", "texts", "says"),
    [
        (reader(), [], "no text is given; write at least one"),
        (reader(), ["a cat", " \t"], "a text is empty; write what the image should show"),
        (reader(), ["a cat", "cat " * 3000], r"the text 'cat cat .*' has 12,000 characters; write 10,000"),
        (None, ["a cat"], "toy has no text tower, so it cannot be asked in words; use images"),
        (empty_reader(float("nan")), ["a cat"], "no numbers"),
        (empty_reader(0.0), ["a cat"], "is nothing at all to toy"),
    ],
)
def test_a_text_that_cannot_be_read_or_means_nothing_is_named(
    tower: TextTower | None, texts: list[str], says: str
) -> None:
    model = toy(tower)
    with pytest.raises(ValueError, match=says):
        model.encode_text(texts)


@each_case(("height", "width"), [(8, 8), (8, 20), (20, 8), (1, 1), (30, 41)])
def test_whole_images_are_shown_by_their_middle_square(height: int, width: int) -> None:
    image = torch.zeros(1, 3, height, width)
    image[:, 1] = 1
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image[:, :, top : top + side, left : left + side] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    torch.testing.assert_close(toy().encode_images(image), torch.tensor([[1.0, 0.0, 0.0]]), atol=1e-3, rtol=0)


def test_a_model_that_was_shown_squashed_images_is_shown_all_of_it() -> None:
    image = torch.zeros(1, 3, 8, 16)
    image[:, 0, :, :8] = 1
    image[:, 1, :, 8:] = 1
    half = torch.tensor([[1.0, 1.0, 0.0]]) / 2**0.5
    squashed = assemble_clip(judge(), None, "squash", "bilinear")
    torch.testing.assert_close(squashed.encode_images(image), half, atol=1e-2, rtol=0)


def test_batches_are_embedded_image_by_image_and_left_as_they_are() -> None:
    model = clip()
    images = torch.rand(20, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    embeddings = model.encode_images(images)
    assert embeddings.shape == (20, 24)
    assert not embeddings.requires_grad
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(20))
    torch.testing.assert_close(embeddings[3:4], model.encode_images(images[3:4]), atol=1e-5, rtol=0)
    assert torch.equal(images, before)


@each_case("value", [0.0, 1.0])
def test_black_and_white_images_have_embeddings(value: float) -> None:
    embedding = clip().encode_images(torch.full((1, 3, 9, 9), value))
    assert bool(embedding.isfinite().all())
    assert float(embedding.norm()) == pytest.approx(1)


@each_case(
    ("images", "says"),
    [
        (torch.rand(1, 4, 8, 8), "the image to embed has 4 channels .an alpha channel."),
        (torch.rand(8, 8), "the image to embed has the shape"),
        (torch.full((1, 3, 8, 8), torch.nan), "NaN"),
        (torch.zeros(1, 3, 8, 8), "image 1 is nothing at all to toy"),
    ],
)
def test_what_cannot_be_embedded_is_named(images: Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        toy().encode_images(images)


class Odd(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, views: Tensor) -> Tensor:
        if self.kind == "nan":
            return views.mean(dim=(2, 3)) * float("nan")
        return views if self.kind == "image" else views.reshape(1, 7)


def broken_reader() -> TextTower:
    """A tower whose tokens lie beyond its vocabulary."""
    embed = nn.Embedding(3, 3)
    return TextTower(lambda text: embed(torch.tensor(len(text))), len, 9)


@each_case(
    ("text", "module", "says"),
    [
        (None, Odd("nan"), "toy answers with values that are no numbers; its weights are damaged"),
        (None, Odd("image"), "toy does not answer an image with one embedding"),
        (None, Odd("shape"), "toy fails on colour images of 8 x 8"),
        (reader(4), Mean(), r"toy has embeddings of 3 numbers and its text tower of 4.*choose"),
        (broken_reader(), Mean(), r"text tower of toy cannot read \(IndexError: .*; its tokenizer belongs"),
    ],
)
def test_towers_that_are_broken_or_of_different_widths_are_named(
    text: TextTower | None, module: nn.Module, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        toy(text, module)


@each_case("dtype", [torch.bfloat16, torch.float16])
def test_lower_precision_keeps_the_text_tower_and_what_it_has_read(dtype: torch.dtype) -> None:
    full = clip()
    target = full.encode_text(["a cat"])
    half = full.with_precision(dtype)
    assert isinstance(half, CLIP)
    assert half.text_tower is full.text_tower
    views = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    answer = half(views)
    (answer @ target.T).sum().backward()
    assert views.grad is not None
    assert bool(views.grad.isfinite().all())
    assert bool(views.grad.any())
    assert torch.cosine_similarity(answer.detach(), full(views.detach())).min() > 0.99


def test_reading_can_be_ended_between_two_texts() -> None:
    def stop() -> None:
        if model.text_tower.is_cached("b"):
            raise StopError

    model = clip()
    with pytest.raises(StopError), interruptible(stop):
        model.encode_text(["a", "b", "c", "d"])
    assert [model.text_tower.is_cached(text) for text in "abcd"] == [True, True, False, False]
