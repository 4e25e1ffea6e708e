"""Verdicts on finished pictures as numbers, texts and charts: classes of a classifier, similarities of a CLIP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.images import Images
from ..common.modes import without_autocast
from ..models.classifier import Classifier
from ..models.clip import CLIP
from ..models.judge import Judge, check_judge
from ..models.photograph_check import log_misreading
from ..objectives.embedding import measure_similarity
from .chart import plot_bars, wrap_name


@dataclass(frozen=True)
class Prediction:
    """A class that a classifier sees in an image: the position of its logit, its name, and its probability, 0..1."""

    index: int
    name: str
    probability: float


def classify(classifier: Judge, images: Images, count: int = 5) -> list[list[Prediction]]:
    """Return the likeliest classes of each image, the likeliest first.

    Args:
        classifier: a `Classifier` that took no part in making the images: one that was climbed is too sure of them.
        images: (B, 3, H, W), 0..1, of any size; of an oblong image, the classifier sees the middle square.
        count: how many classes to name for each image, at least 1.

    Example:
        >>> import torch
        >>> from skimage.data import coffee
        >>> import direct_ascent as da
        >>> image = torch.from_numpy(coffee()).movedim(-1, 0)[None] / 255
        >>> [(guess.name, round(guess.probability, 1)) for guess in da.classify(da.load_starter(), image, count=2)[0]]
        [('espresso', 0.9), ('cup', 0.0)]
    """
    classifier = check_judge(classifier, Classifier, "knows no classes; load a classifier")
    log_misreading(classifier)
    if count < 1:
        raise ValueError(f"count {count} is too few; name at least 1 class")
    probabilities = classifier.probabilities(images)
    best = probabilities.topk(min(count, probabilities.shape[1]), dim=1)
    return [
        [
            Prediction(index, classifier.labels.name(index), probability)
            for index, probability in zip(indices, values, strict=True)
        ]
        for indices, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def format_answers(answers: Sequence[Sequence[tuple[str, float]]], title: str, form: str = "6.3f") -> str:
    """Write names with their values, the largest first, as text: a paragraph for each image."""
    blocks = []
    for number, rows in enumerate(answers, start=1):
        lines = [f"{value:{form}}  {name}" for name, value in sorted(rows, key=lambda row: -row[1])]
        blocks.append("\n".join([f"{_title(title, number, len(answers))}:", *lines]))
    return "\n\n".join(blocks)


def plot_answers(
    answers: Sequence[Sequence[tuple[str, float]]],
    title: str,
    scale: tuple[float, float] | None = None,
    written: Callable[[float], str] = "{:.3f}".format,
) -> Tensor:
    """Draw equally many names with their values for each image as bar charts of one size and one scale, (B, 3, H, W),
    0..1. By default, the scale has 0 and all values: cosines of a CLIP are small."""
    values = [value for rows in answers for _, value in rows]
    low, high = scale or (min(0.0, *values), max(0.0, *values) or 1.0)
    # All charts have the same height: each row has room for the name that takes the most lines in this row.
    lines = [max(1 + wrap_name(name).count("\n") for name, _ in row) for row in zip(*answers, strict=True)]
    titles = [_title(title, number, len(answers)) for number in range(1, len(answers) + 1)]
    pairs = zip(answers, titles, strict=True)
    return torch.cat([plot_bars(rows, each, high, low, written, lines) for rows, each in pairs])


@without_autocast()
def compare_with_texts(clip: Judge, images: Images, texts: Sequence[str]) -> Tensor:
    """Return the cosines between the embeddings of images and texts, (B, T), -1..1, on the device of the CLIP.

    In real CLIPs the cosine of even a good match is often no higher than 0.3: compare the cosines of several texts.

    Args:
        clip: a `CLIP` with a text tower.
        images: (B, 3, H, W), 0..1, of any size.
        texts: T texts, none of them empty.
    """
    clip = check_judge(clip, CLIP, "reads no words; load a CLIP, as load_starter_clip() does")
    targets, embeddings = clip.encode_text(texts), clip.encode_images(images)
    return measure_similarity(embeddings, targets.to(embeddings))


def _title(title: str, number: int, count: int) -> str:
    return f"image {number}: {title}" if count > 1 else title
