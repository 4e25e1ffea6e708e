"""What came out: the verdict of a classifier, or the similarity a CLIP finds, as text and as a chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common.text import truncate
from ..models.classifier import Classifier
from ..models.clip import CLIP
from ..objectives.embedding import measure_similarity
from .chart import BLUE, new_figure, render_figure


@dataclass(frozen=True)
class Prediction:
    """A class that a classifier sees, and how sure it is, 0..1."""

    index: int
    name: str
    probability: float


def classify(classifier: Classifier, images: Tensor, count: int = 5) -> list[list[Prediction]]:
    """The `count` likeliest classes of every image (B, 3, H, W), 0..1, the likeliest first."""
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
    """Verdicts as text: the classifier's name, then a class a line, an image a paragraph."""
    blocks = []
    for number, classes in enumerate(verdicts, start=1):
        title = f"{classifier} sees" + (f" in image {number}" if len(verdicts) > 1 else "")
        blocks.append("\n".join([f"{title}:", *(f"{v.probability:7.1%}  {v.name}" for v in classes)]))
    return "\n\n".join(blocks)


def plot_predictions(verdicts: Sequence[Sequence[Prediction]], classifier: str) -> Tensor:
    """Verdicts as bar charts (B, 3, H, W), 0..1."""
    return torch.cat([plot_bars([(v.name, v.probability) for v in classes], classifier) for classes in verdicts])


def compare_with_texts(clip: CLIP, images: Tensor, texts: Sequence[str]) -> Tensor:
    """The cosine (B, K), -1..1, of the embeddings of images (B, 3, H, W), 0..1, and of texts."""
    targets = clip.encode_text(texts)
    embeddings = clip.encode_images(images)
    return measure_similarity(embeddings, targets.to(embeddings))


def format_similarities(table: Tensor, texts: Sequence[str], clip: str) -> str:
    """Similarities (B, K) as text: the model's name, then a text a line, the nearest first, an image a paragraph."""
    blocks = []
    for number, row in enumerate(table.tolist(), start=1):
        title = f"{clip} finds" + (f" image {number}" if len(table) > 1 else "") + " near to"
        nearest = sorted(zip(row, texts, strict=True), reverse=True)
        blocks.append("\n".join([f"{title}:", *(f"{value:6.3f}  {text}" for value, text in nearest)]))
    return "\n\n".join(blocks)


def plot_similarities(table: Tensor, texts: Sequence[str], clip: str) -> Tensor:
    """Similarities (B, K) as bar charts (B, 3, H, W), 0..1, in the order of the texts and all to one scale."""
    # Cosines of a CLIP are small: a scale up to 1 would show stubs.
    low, high = min(0.0, float(table.min())), max(0.0, float(table.max())) or 1.0
    charts = [
        plot_bars(list(zip(texts, row, strict=True)), clip, high, low, lambda value: f"{value:.3f}")
        for row in table.tolist()
    ]
    return torch.cat(charts)


def plot_bars(
    bars: Sequence[tuple[str, float]],
    title: str,
    highest: float = 1.0,
    lowest: float = 0.0,
    written: Callable[[float], str] = "{:.1%}".format,
) -> Tensor:
    """A horizontal bar chart (1, 3, H, W), 0..1, of names and values from `lowest` (at most 0) to `highest`."""
    figure = new_figure(6, 1 + 0.35 * len(bars))
    axes = figure.add_subplot()
    names = [truncate(name, 32) for name, _ in bars]
    values = [value for _, value in bars]
    shown = axes.barh(range(len(bars)), values, color=BLUE)
    # Names are no formulas: a '$' in one stays a '$'.
    axes.set_yticks(range(len(bars)), names, parse_math=False)
    axes.bar_label(shown, labels=[written(value) for value in values], padding=4)
    axes.invert_yaxis()
    # Room for the values at the ends of the bars.
    edge = 0.15 * (highest - lowest)
    axes.set_xlim(lowest - 1.5 * edge if lowest else 0, highest + edge)
    # Over the whole chart: over the bars alone, long names beside them would push it out.
    figure.suptitle(truncate(title, 48), parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    return render_figure(figure)
