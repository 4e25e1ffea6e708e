"""A held-out model rates finished pictures in three forms: unchanged, from afar without fine texture, and in grey.

A picture counts as recognised if its class comes first in all three (docs/method.md, What a picture is judged by).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..common.images import check_images, resize, show_luminance
from ..common.scalars import check_number
from ..models.classifier import Classifier
from ..models.clip import CLIP
from .verdict import compare_with_texts

_AFAR = 64  # The short side, in pixels, to which an image that is seen from afar is shrunk.


class Answer(NamedTuple):
    """The score of the right class or text (a probability or a cosine), and how many others score as high."""

    score: float
    rank: int


class Verdict(NamedTuple):
    """The answers of a judge to one image in the three forms: as it is, from afar, and in grey."""

    as_is: Answer
    afar: Answer
    grey: Answer

    @property
    def recognised(self) -> bool:
        """Whether the right class or text is first in all three forms."""
        return all(answer.rank == 0 for answer in self)


def judge_class(classifier: Classifier, images: Tensor, targets: Sequence[int]) -> list[Verdict]:
    """Ask a held-out classifier whether images (B, 3, H, W) show the classes (B indices) that they were made for."""
    for target in targets:
        check_number("class", target, 0, len(classifier.labels) - 1, f"{classifier.name} has no others", whole=True)
    return _judge(classifier.probabilities, images, targets)


def judge_text(clip: CLIP, images: Tensor, texts: Sequence[str]) -> list[Verdict]:
    """Ask a held-out CLIP whether images (B, 3, H, W) show the texts that they were made for. Text n is right for image
    n; the texts after the first B are wrong for all. In the ranks, a text counts once."""
    choices = list(dict.fromkeys(texts))
    targets = [choices.index(text) for text in texts[: len(images)]]
    return _judge(lambda shown: compare_with_texts(clip, shown, choices), images, targets)


def view_from_afar(images: Tensor) -> Tensor:
    """Return images (B, 3, H, W), 0..1, shrunk to 64 pixels on the short side, and enlarged to their size again."""
    height, width = images.shape[2:]
    short = min(height, width)
    if short <= _AFAR:
        return images
    small = resize(images, (round(height * _AFAR / short), round(width * _AFAR / short)))
    return resize(small, (height, width))


def remove_colour(images: Tensor) -> Tensor:
    """Return images (B, 3, H, W), 0..1, in grey: three equal channels of Rec. 601 luminance, 0..1."""
    return show_luminance(images).clamp(0, 1).expand_as(images).contiguous()


def _judge(ask: Callable[[Tensor], Tensor], images: Tensor, targets: Sequence[int]) -> list[Verdict]:
    """Return the verdict on each image; `ask` returns the score of every choice for each image, (B, choices)."""
    images = check_images(images, "the image to judge")
    if len(targets) != len(images):
        raise ValueError(f"there are {len(images)} images and {len(targets)} answers; every image needs one of its own")
    images = images.float().clamp(0, 1)
    forms = (images, view_from_afar(images), remove_colour(images))
    return [Verdict(*answers) for answers in zip(*(_rank(ask(form), targets) for form in forms), strict=True)]


def _rank(table: Tensor, targets: Sequence[int]) -> list[Answer]:
    """Return the score and the rank (from 0) of the right choice in each row of a table of scores (B, choices)."""
    if not bool(table.isfinite().all()):
        raise ValueError("the judge answers with values that are no numbers; load it in fp32, or get it again")
    own = table.gather(1, torch.tensor(targets, device=table.device)[:, None])
    # Equal scores count against the right choice: an image for which all classes are equally likely is not recognised.
    ranks = (table >= own).sum(dim=1) - 1
    return [Answer(score, rank) for score, rank in zip(own[:, 0].tolist(), ranks.tolist(), strict=True)]
