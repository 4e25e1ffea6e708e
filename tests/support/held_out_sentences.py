"""Sentences and words that are held out of the fit of the table of words, and how often their class is found."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from das_core.models.hypernyms import list_hypernyms
from das_core.models.labels import imagenet_labels
from generators.class_sentences import CONTEXTS, TEMPLATES, ClassSentence
from generators.make_words import fit_meanings

NAMES = [imagenet_labels().name(index) for index in range(1000)]

# The seeds that decide which classes and words are held out. The weights of the sentences and the penalty of the ridge
# regression were chosen with other seeds.
SEEDS = range(100, 105)

# Sentences, each with the indices of the classes that it is about; the place that a sentence mentions does not count.
# The sentences were written before any projection was tested with them, and nothing was tuned on them.
SPOKEN = {
    "a bird on a branch": "7-24 80-100 127-146", "a bowl of ripe fruit": "948-957 988-989",
    "an old steam train crossing a viaduct": "466 547 565 705 820 829 888", "a cat asleep on the sofa": "281-285",
    "a snake coiled on a rock": "52-68",
    "a fishing boat at dawn": "403 472 484 510 554 576 625 628 724 780 814 833 871 913-914",
    "a huge truck on the motorway": "407 555 569 586 656 675 717 734 803 864 867",
    "an aeroplane above the clouds": "404-405 417 812 895 908", "a monkey eating in a tree": "365-384",
    "a beetle crawling on a leaf": "300-326", "a frog by the pond": "30-32", "a bear fishing in a river": "294-297",
    "a puppy with a ball on the lawn": "151-268", "a large wild cat in the grass": "286-293",
    "a whale leaping out of the ocean": "147-148", "an insect seen from very near": "300-326",
    "a small furry animal with big teeth": "330-338 356-362", "fresh vegetables at the market": "582 935-957 988-989",
    "a chocolate dessert with cream": "927-929 960 967", "a glass of wine by candlelight": "441 572 907 966",
    "a guitar leaning in the corner": "402 420 486 546 594 889",
    "an orchestra playing on a stage": "401-402 420 432 458 486 494 513 541-542 546 558 566 577 "
    "579 593-594 641-642 683-684 687 699 776 819 822 875 881 889",
    "a bed in a quiet room": "431 516 520 564 721 750 831",
    "an ornate clock on the mantelpiece": "409 426 530-531 604 826 835 892",
    "an old telephone in a hallway": "487 528 590 605 707",
    "pots and pans in a kitchen": "469 505 521 534 544 567 618 651 659 738 760 766 813 827 849 859 891 909-910 926",
    "a workman's tools on a bench": "462 473 477 491 512 587 596 606 677 695 710 714 730 740 783-784 792",
    "a knight in armour": "461 465 490 524 715 777 787", "a leather bag on a chair": "414 636 692 728 748 797 893",
    "a man wearing a tall hat": "433 439 452 515 518 560 667 715 793 808",
    "clothes hanging on a line": "399-400 411 445 451 457 459 474 501 529 568 578 601 608 610 "
    "614 617 638-639 652 655 689 697 735 775 824 834 841-842 869 887 906",
    "a tall stone building on a square": "406 442 483 497 500 538 649 663 668 682 698 708 743 825 832 873",
    "a bridge across a wide river": "718 821 839 888", "waves breaking on the shore": "437 460 525 972 975-978",
    "a landscape with hills and a lake": "437 460 525 672 970 972 975-980",
    "a machine working in the fields": "425 595 690 730 856 866 958",
    "a wooden box full of letters": "427 478 492 519 588 637 692 709 790",
    "a toy forgotten on the floor": "476 611 723 747 843 850 865",
    "a passenger bus in the rain": "654 705 779 829 874", "a crab on a tropical beach": "118-121 125",
}  # fmt: skip

# Sentences around a name that no projection is fitted on.
NEW_CONTEXTS = (
    "a {} under an old oak tree", "a small red {} in the snow", "a {} in a city street at night",
    "a child pointing at a {}", "a black and white photo of a {} in a park",
)  # fmt: skip


class Shares(NamedTuple):
    """The shares, 0..1, of held-out sentences whose class is found."""

    names: float
    names_of_five: float
    hypernyms: float
    contexts: float
    sentences: float
    sentences_mostly: float


class Asked(NamedTuple):
    """Sentences to ask a projection about: their embeddings (N, E), and for each the classes that are right."""

    embeddings: Tensor
    right: list[set[int]]

    def find_share(self, projection: Tensor, directions: Tensor, mostly: bool = False) -> float:
        """Return the share of the sentences whose nearest class is right, or `mostly` of whose nearest most are.

        `directions` (classes, D) are those of all classes.
        """
        found = ((self.embeddings @ projection.T) @ directions.T).topk(5).indices.tolist()
        counts = [min(5, len(right)) if mostly else 1 for right in self.right]
        hits = [
            sum(index in right for index in five[:count]) * 2 > count
            for five, right, count in zip(found, self.right, counts, strict=True)
        ]
        return sum(hits) / len(hits)


class Material(NamedTuple):
    """Sentences to fit on, their embeddings, and the embeddings and right classes of sentences to ask about."""

    sentences: list[ClassSentence]
    embeddings: Tensor
    spoken: Asked
    in_contexts: Asked

    def choose(self, rows: Sequence[int]) -> "Material":
        return self._replace(sentences=[self.sentences[row] for row in rows], embeddings=self.embeddings[list(rows)])

    def leave_out(self, classes: set[int]) -> "Material":
        """Return a copy for a fit that does not know the given classes."""
        rest = [tuple(index for index in sentence.classes if index not in classes) for sentence in self.sentences]
        changed = [sentence._replace(classes=own) for sentence, own in zip(self.sentences, rest, strict=True)]
        return self._replace(sentences=changed).choose([row for row, own in enumerate(rest) if own])

    def fit(self, directions: Tensor) -> Tensor:
        """Return the projection (D, E) to the space of the directions (classes, D)."""
        return (fit_meanings(self.embeddings, self.sentences, directions) @ directions).T


def spread(ranges: str) -> set[int]:
    """Return the numbers in a text of numbers and ranges: '1 5-7' gives {1, 5, 6, 7}."""
    ends = [[int(end) for end in part.split("-")] for part in ranges.split()]
    return {index for part in ends for index in range(part[0], part[-1] + 1)}


def measure_names(material: Material, photos: Tensor, directions: Tensor) -> tuple[float, float]:
    first = among = 0.0
    for seed in SEEDS:
        unseen = torch.randperm(1000, generator=torch.Generator().manual_seed(seed))[:100]
        projection = material.leave_out(set(unseen.tolist())).fit(directions)
        found = (photos[unseen] @ projection.T) @ directions[unseen].T
        better = (found > found.diagonal().unsqueeze(1)).sum(dim=1)
        first += float((better < 1).float().mean()) / len(SEEDS)
        among += float((better < 5).float().mean()) / len(SEEDS)
    return first, among


def measure_hypernyms(material: Material, directions: Tensor) -> float:
    right, asked = 0, 0
    hypernyms = list_hypernyms()
    # Not asked about: words that are names of classes, because the fit knows these, and words that cover one class.
    askable = [sum(word not in NAMES for word in hypernym.words) for hypernym in hypernyms]
    for seed in SEEDS:
        order = torch.randperm(len(hypernyms), generator=torch.Generator().manual_seed(seed)).tolist()
        hidden = [hypernyms[place] for place in order[::2] if askable[place] and len(hypernyms[place].classes) > 1]
        left_out = {word for place in order[::2] for word in hypernyms[place].words}
        texts = {text.format(word) for text in (*TEMPLATES, *CONTEXTS) for word in left_out}
        # The first 4000 rows are the sentences about single classes; all of them stay in the fit.
        rows = [row for row, (text, *_) in enumerate(material.sentences) if row < 4000 or text not in texts]
        projection = material.choose(rows).fit(directions)
        for hypernym in hidden:
            photos = {f"a photo of a {word}." for word in hypernym.words if word not in NAMES}
            asked_rows = [row for row, sentence in enumerate(material.sentences) if sentence.text in photos]
            nearest = ((material.embeddings[asked_rows] @ projection.T) @ directions.T).argmax(dim=1).tolist()
            right += sum(index in hypernym.classes for index in nearest)
            asked += len(nearest)
    assert asked > 200
    return right / asked


def measure(material: Material, directions: Tensor) -> Shares:
    projection = material.fit(directions)
    return Shares(
        # Each class has four sentences, in the first 4000 rows; the second one is "a photo of a NAME.".
        *measure_names(material, material.embeddings[1:4000:4], directions),
        measure_hypernyms(material, directions),
        material.in_contexts.find_share(projection, directions),
        material.spoken.find_share(projection, directions),
        material.spoken.find_share(projection, directions, mostly=True),
    )
