"""How different: pictures of one class from several seeds, compared by an uninvolved classifier.

A recipe that always draws the same picture is none, however well it is recognised.
"""

import torch

from benchmarks.classes import TARGETS
from benchmarks.common import HERE, save_sheet
from benchmarks.pictures import make_pictures
from benchmarks.recipes import PICTURE, REFERENCE, Recipe
from benchmarks.recognition import mean_distance
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import SECOND_OPINION, load_starter

CLASSES, SEEDS = TARGETS[:5], range(8)
RECIPES = (PICTURE, REFERENCE)
FILE = HERE / "diversity.jpg"


def report() -> str:
    """Return the section of RESULTS.md; the pictures of the first recipe go beside it."""
    judge, labels = load_starter(SECOND_OPINION), imagenet_labels()
    wishes = [str(index) for index in CLASSES]
    distances: dict[str, list[float]] = {}
    for recipe in RECIPES:
        by_seed = [make_pictures(recipe, Recipe.ask_class, wishes, seed)[0] for seed in SEEDS]
        distances[recipe.title] = [
            mean_distance(judge, torch.stack([images[number] for images in by_seed])) for number in range(len(CLASSES))
        ]
        if recipe is PICTURE:
            save_sheet([images[number] for number in range(len(CLASSES)) for images in by_seed], FILE, columns=8)
    rows = "\n".join(
        f"| {title} | {' | '.join(f'{value:.3f}' for value in row)} | {sum(row) / len(row):.3f} |"
        for title, row in distances.items()
    )
    head = " | ".join(labels.name(index) for index in CLASSES)
    return f"""The first {len(CLASSES)} classes of "Classes", {len(SEEDS)} seeds each. Mean distance (1 - cosine) of all
pairs, in the features of {judge.name} before its last layer:

| settings | {head} | mean |
|---|{"---|" * (len(CLASSES) + 1)}
{rows}

![{PICTURE.title}, a class a row]({FILE.name})
"""
