"""The labels of models: those of ImageNet's 1,000 classes, and numbered labels for classes without known names."""

from functools import cache

from .hypernyms import list_hypernyms
from .labels import Label, Labels


def number_labels(count: int) -> Labels:
    """Return labels for `count` classes whose names are not known: 'class 0', 'class 1' and so on."""
    return Labels(tuple(Label((f"class {index}",)) for index in range(count)))


@cache
def imagenet_labels() -> Labels:
    """Return the 1,000 classes of ImageNet in their usual order, with names from WordNet as timm has them."""
    from timm.data import ImageNetInfo  # It takes a second to load.

    info = ImageNetInfo()
    labels = []
    for index, wordnet in enumerate(info.label_names()):
        names, _, meaning = info.index_to_description(index, detailed=True).partition(": ")
        short = meaning if len(meaning) <= 60 else meaning[:57].rstrip() + "…"
        labels.append(Label(tuple(name.strip() for name in names.split(",")), wordnet, short))
    return Labels(tuple(labels), list_hypernyms())


def choose_labels(count: int) -> Labels:
    """Return ImageNet's labels for a model of 1,000 classes, and numbered labels for any other `count`."""
    return imagenet_labels() if count == len(imagenet_labels()) else number_labels(count)
