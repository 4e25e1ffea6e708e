"""The judge of the benchmarks: a held-out model classifies an image in three forms: unchanged, from afar and in grey.

Fine texture alone, or colour alone, can convince a classifier. From afar (64 pixels on the short side) an image has no
fine texture, and in grey it has no colour. No form removes both. An image counts as recognised if its class comes first
in all three forms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.conditions import remove_colour, view_from_afar
from das_core.common.images import check_images
from das_core.models.classifier import Classifier
from das_core.models.clip import CLIP
from das_core.report.verdict import compare_with_texts

HEADER = "| first as it is | from afar | in grey | recognised (all three) | mean p as it is | from afar | in grey |"
"""The head of a table whose rows are made by `summarise`; `RULE` is the line below this head.

Further columns go in front, in both lines: `"| settings " + HEADER` and `"|---" + RULE`.
"""

TEXT_HEADER = HEADER.replace("mean p", "mean cosine")
"""The head of a table about verdicts of `judge_text`."""

RULE = "|---" * 7 + "|"
"""The line between the head of a table and its rows."""


@dataclass(frozen=True)
class Answer:
    """The answer of a judge to one image in one of three forms: unchanged, from afar or in grey.

    Args:
        score: the probability of the right class, 0..1; for a text, the cosine of its embedding and that of the image,
            -1..1.
        rank: how many other classes or texts have at least this score; 0 if the right one has the highest score alone.
    """

    score: float
    rank: int


@dataclass(frozen=True)
class Verdict:
    """The answers of a judge to one image in the three forms.

    Args:
        as_is: the answer to the unchanged image.
        afar: the answer to the image from afar, see `view_from_afar`.
        grey: the answer to the image without colour, see `remove_colour`.
    """

    as_is: Answer
    afar: Answer
    grey: Answer

    @property
    def answers(self) -> tuple[Answer, Answer, Answer]:
        """The answers to the image as it is, from afar, and in grey."""
        return self.as_is, self.afar, self.grey

    @property
    def recognised(self) -> bool:
        """Whether the right class or text is first in all three forms."""
        return all(answer.rank == 0 for answer in self.answers)

    def format_cells(self) -> str:
        """Return four cells of a markdown table: the scores in the three forms, and whether the image is recognised.

        If the right class or text is not first, the score is followed by its place: "0.104 (choice 3)".
        """
        scores = (f"{a.score:.3f}" + (f" (choice {a.rank + 1})" if a.rank else "") for a in self.answers)
        return f"{' | '.join(scores)} | {'yes' if self.recognised else 'no'}"


def judge_class(classifier: Classifier, images: Tensor, targets: Sequence[int]) -> list[Verdict]:
    """Ask a classifier whether images show the classes that they were made for.

    Args:
        classifier: the judge; it must not have taken part in making the images.
        images: (B, 3, H, W), 0..1, on the device of the classifier. Values outside of 0..1 are clamped, as when an
            image is saved to a file.
        targets: the index of the class of each image.

    Returns:
        A verdict for each image; its scores are probabilities.

    Raises:
        ValueError: when there is not one target for each image; when a target is no class of the classifier; when the
            classifier answers with values that are not finite; or when `images` is no batch of images.
    """
    classes = len(classifier.labels)
    for target in targets:
        if not 0 <= target < classes:
            raise ValueError(f"class {target} is out of range; {classifier.name} has classes 0 to {classes - 1}")
    return _judge(classifier.probabilities, images, targets)


def judge_text(clip: CLIP, images: Tensor, texts: Sequence[str]) -> list[Verdict]:
    """Ask a CLIP whether images show the texts that they were made for.

    Args:
        clip: the judge, with a text tower; it must not have taken part in making the images.
        images: (B, 3, H, W), 0..1, on the device of the CLIP. Values outside of 0..1 are clamped, as when an image is
            saved to a file.
        texts: at least B texts. Text n is the right one for image n; the texts after the first B are wrong for all
            images. Several images may have the same text; in the ranks it counts once.

    Returns:
        A verdict for each image; its scores are cosines, and its ranks compare all different texts.

    Raises:
        ValueError: when there are fewer texts than images; when a text is empty; when the CLIP has no text tower; when
            it answers with values that are not finite; or when `images` is no batch of images.
    """
    if len(texts) < len(images):
        raise ValueError(f"there are {len(images)} images and {len(texts)} texts; every image needs a text of its own")
    choices = list(dict.fromkeys(texts))
    targets = [choices.index(text) for text in texts[: len(images)]]
    return _judge(lambda shown: compare_with_texts(clip, shown, choices), images, targets)


def summarise(verdicts: Sequence[Verdict]) -> str:
    """Return the row of a markdown table, with the columns of `HEADER`, about the verdicts of a judge.

    The columns are the share of images whose right class or text is first in each of the three forms, the share of
    recognised images, and the mean score in each form.

    Further columns go in front of this row: `f"| {title} {summarise(verdicts)}"`.

    Args:
        verdicts: at least one; all are of the same judge.

    Raises:
        ValueError: when there is no verdict.
    """
    if not verdicts:
        raise ValueError("there are no verdicts to sum up; judge at least one image")
    count = len(verdicts)
    by_condition = list(zip(*(verdict.answers for verdict in verdicts), strict=True))
    shares = [sum(answer.rank == 0 for answer in answers) / count for answers in by_condition]
    shares.append(sum(verdict.recognised for verdict in verdicts) / count)
    means = [sum(answer.score for answer in answers) / count for answers in by_condition]
    return f"| {' | '.join([*(f'{share:.0%}' for share in shares), *(f'{mean:.3f}' for mean in means)])} |"


def _judge(ask: Callable[[Tensor], Tensor], images: Tensor, targets: Sequence[int]) -> list[Verdict]:
    """Return the verdict on each image; `ask` returns the score of every class or text for each image, (B, choices).

    `targets` has, for each image, the index of the right class or text.
    """
    images = check_images(images, "the image to judge")
    if len(targets) != len(images):
        raise ValueError(f"there are {len(images)} images and {len(targets)} classes; every image needs one")
    images = images.float().clamp(0, 1)
    conditions = (images, view_from_afar(images), remove_colour(images))
    return [Verdict(*answers) for answers in zip(*(_rank(ask(c), targets) for c in conditions), strict=True)]


def _rank(table: Tensor, targets: Sequence[int]) -> list[Answer]:
    """Return the score and the rank (from 0) of the right choice in each row of a table of scores (B, choices)."""
    if not bool(table.isfinite().all()):
        raise ValueError("the judge answers with values that are no numbers; load it in fp32, or get it again")
    own = table.gather(1, torch.tensor(targets, device=table.device)[:, None])
    # Equal scores count against the right choice. So an image that shows nothing, and for which the judge finds all
    # classes equally likely, is not recognised.
    ranks = (table >= own).sum(dim=1) - 1
    return [Answer(score, rank) for score, rank in zip(own[:, 0].tolist(), ranks.tolist(), strict=True)]
