"""Verdicts on finished pictures: the classes that a classifier sees, and how similar a CLIP finds pictures and texts.

Each verdict is available as numbers, as text and as a chart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.images import Images
from ..models.classifier import Classifier
from ..models.clip import CLIP
from ..objectives.embedding import measure_similarity
from .bars import plot_bars, wrap_names


@dataclass(frozen=True)
class Prediction:
    """A class that a classifier sees in an image.

    Args:
        index: the number of the class: the position of its logit, from 0.
        name: the name of the class.
        probability: how sure the classifier is, 0..1.

    Example:
        >>> from das_core.report import Prediction
        >>> Prediction(index=107, name="jellyfish", probability=0.9)
        Prediction(index=107, name='jellyfish', probability=0.9)
    """

    index: int
    name: str
    probability: float


def classify(classifier: Classifier, images: Images, count: int = 5) -> list[list[Prediction]]:
    """Classify images.

    Args:
        classifier: the model that rates the images. If a picture was made by an ascent, use a classifier that took no
            part in this ascent: the classifier that was climbed gives the picture too high a probability.
        images: (B, 3, H, W), 0..1, of any size, on the CPU or the device of the classifier. Of an oblong image, the
            classifier sees the middle square.
        count: how many classes to name for each image, at least 1.

    Returns:
        The likeliest classes of each image, the likeliest first; fewer than `count` if the classifier has fewer.

    Raises:
        ValueError: when `count` is too small; or the images are in none of the forms of `Images` (a tensor of integers
            is in none), or hold values that are not finite.

    Example:
        >>> import torch
        >>> from skimage.data import coffee
        >>> from das_core import classify, load_starter
        >>> image = torch.from_numpy(coffee()).movedim(-1, 0)[None] / 255
        >>> [(guess.name, round(guess.probability, 1)) for guess in classify(load_starter(), image, count=2)[0]]
        [('espresso', 0.9), ('cup', 0.0)]
    """
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


def format_predictions(verdicts: Sequence[Sequence[Prediction]], classifier: str) -> str:
    """Write predictions as text.

    Args:
        verdicts: the predictions for each image.
        classifier: the name of the classifier.

    Returns:
        A paragraph for each image: a line with the name of the classifier, then a line for each class.
    """
    blocks = []
    for number, classes in enumerate(verdicts, start=1):
        title = f"{classifier} sees" + (f" in image {number}" if len(verdicts) > 1 else "")
        blocks.append("\n".join([f"{title}:", *(f"{v.probability:7.1%}  {v.name}" for v in classes)]))
    return "\n\n".join(blocks)


def plot_predictions(verdicts: Sequence[Sequence[Prediction]], classifier: str) -> Tensor:
    """Draw predictions as bar charts, one for each image.

    Args:
        verdicts: the predictions for each image, the same number of classes for all.
        classifier: the name of the classifier, which is written above each chart. If there are several images, the
            number of the image is written there, too.

    Returns:
        The charts (B, 3, H, W), 0..1.

    Example:
        >>> from das_core.report import Prediction, plot_predictions
        >>> verdicts = [[Prediction(7, "stingray", 0.75), Prediction(2, "shark", 0.1)]]
        >>> plot_predictions(verdicts, "my classifier").shape
        torch.Size([1, 3, 123, 600])
    """
    names = [wrap_names([verdict.name for verdict in classes]) for classes in verdicts]
    # All charts have the same height: each row has room for the name that takes the most lines in this row.
    lines = [max(1 + name.count("\n") for name in row) for row in zip(*names, strict=True)]
    charts = [
        plot_bars([(v.name, v.probability) for v in classes], _title(classifier, number, len(verdicts)), lines=lines)
        for number, classes in enumerate(verdicts, start=1)
    ]
    return torch.cat(charts)


def compare_with_texts(clip: CLIP, images: Images, texts: Sequence[str]) -> Tensor:
    """Measure how well texts fit images, as a CLIP sees them.

    Args:
        clip: a CLIP with a text tower.
        images: (B, 3, H, W), 0..1, of any size, on the CPU or the device of the CLIP.
        texts: T texts, none of them empty.

    Returns:
        The cosines between the embeddings of images and texts, (B, T), -1..1, on the device of the CLIP. In real CLIPs
        the cosine of even a good match is often no higher than 0.3: compare the cosines of several texts.

    Raises:
        ValueError: when the CLIP has no text tower; there is no text, or a text is empty; the images are in none of the
            forms of `Images` (a tensor of integers is in none), or hold values that are not finite; or an embedding is
            all zeros or not finite.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from das_core import Judge, compare_with_texts
        >>> from das_core.models import TextTower, assemble_clip
        >>> colours = {"a photo": [1.0, 1.0, 1.0], "red": [1.0, 0.0, 0.0], "green": [0.0, 1.0, 0.0]}
        >>> mean_colour = nn.Sequential(nn.AvgPool2d(16), nn.Flatten())
        >>> judge = Judge("mean colour", mean_colour, 16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        >>> tower = TextTower(lambda text: torch.tensor(colours[text]), count=len, context_length=77)
        >>> clip = assemble_clip(judge, tower, "shortest", "bicubic")
        >>> orange = torch.tensor([0.8, 0.6, 0.0])[:, None, None].expand(1, 3, 20, 20)
        >>> compare_with_texts(clip, orange, ["red", "green"])
        tensor([[0.8000, 0.6000]])
    """
    targets = clip.encode_text(texts)
    embeddings = clip.encode_images(images)
    return measure_similarity(embeddings, targets.to(embeddings))


def format_similarities(table: Tensor, texts: Sequence[str], clip: str) -> str:
    """Write similarities as text.

    Args:
        table: similarities of images and texts, (B, T), from `compare_with_texts`.
        texts: the T texts.
        clip: the name of the CLIP.

    Returns:
        A paragraph for each image: a line with the name of the CLIP, then a line for each text, the most similar first.
    """
    blocks = []
    for number, row in enumerate(table.tolist(), start=1):
        title = f"{clip} finds" + (f" image {number}" if len(table) > 1 else "") + " near to"
        nearest = sorted(zip(row, texts, strict=True), reverse=True)
        blocks.append("\n".join([f"{title}:", *(f"{value:6.3f}  {text}" for value, text in nearest)]))
    return "\n\n".join(blocks)


def plot_similarities(table: Tensor, texts: Sequence[str], clip: str) -> Tensor:
    """Draw similarities as bar charts, one for each image, in the order of the texts and all to the same scale.

    Args:
        table: similarities of images and texts, (B, T), from `compare_with_texts`.
        texts: the T texts.
        clip: the name of the CLIP, which is written above each chart. If there are several images, the number of the
            image is written there, too.

    Returns:
        The charts (B, 3, H, W), 0..1.

    Example:
        >>> import torch
        >>> from das_core.report import plot_similarities
        >>> table = torch.tensor([[0.27, 0.05], [0.1, 0.2]])
        >>> plot_similarities(table, ["a cat", "a castle"], "my CLIP").shape
        torch.Size([2, 3, 123, 600])
    """
    # Cosines of a CLIP are small: on a scale up to 1 all bars would be short.
    low, high = min(0.0, float(table.min())), max(0.0, float(table.max())) or 1.0
    charts = [
        plot_bars(list(zip(texts, row, strict=True)), _title(clip, number, len(table)), high, low, "{:.3f}".format)
        for number, row in enumerate(table.tolist(), start=1)
    ]
    return torch.cat(charts)


def _title(judge: str, number: int, count: int) -> str:
    """Return the line above a chart: the name of the model, and the number of the image if there are several."""
    return f"image {number}: {judge}" if count > 1 else judge
