"""Diversity: how much pictures of one class differ from seed to seed.

A recipe that always makes the same picture is of little use, even if that picture is recognised. Two distances between
pictures are measured. The first compares the features before the last layer of a classifier that took no part in the
ascents. This distance also depends on how sure the classifier is: the more surely it recognises the class in all
pictures, the smaller is the distance. The second distance needs no model: it compares the pixels of pictures that are
reduced to 14 x 14.
"""

from collections.abc import Sequence

import torch

from benchmarks.classes import TARGETS
from benchmarks.common import HERE, save_sheet
from benchmarks.distances import mean_difference_from_afar, mean_distance
from benchmarks.pictures import make_pictures
from benchmarks.recipes import PICTURE, PICTURE_FROM_NOISE, REFERENCE, Recipe
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import SECOND_OPINION, load_starter

CLASSES, SEEDS = TARGETS[:5], range(8)
RECIPES = (PICTURE, PICTURE_FROM_NOISE, REFERENCE)
FILES = {PICTURE: HERE / "diversity.jpg", PICTURE_FROM_NOISE: HERE / "diversity_noise.jpg"}


def report() -> str:
    """Measure, return the section for RESULTS.md, and save the sheets of pictures (`FILES`) in the same folder."""
    judge, labels = load_starter(SECOND_OPINION), imagenet_labels()
    wishes = [str(index) for index in CLASSES]
    features, shapes = [], []
    for recipe in RECIPES:
        by_seed = [make_pictures(recipe, Recipe.ask_class, wishes, seed)[0] for seed in SEEDS]
        by_class = torch.stack(by_seed, dim=1)
        features.append(_make_row(recipe, [mean_distance(judge, images) for images in by_class]))
        shapes.append(_make_row(recipe, [mean_difference_from_afar(images) for images in by_class]))
        if recipe in FILES:
            save_sheet(list(by_class.flatten(0, 1)), FILES[recipe], columns=len(SEEDS))
    sheets = "\n\n".join(f"![{recipe.title}, a class a row]({file.name})" for recipe, file in FILES.items())
    names = " | ".join(labels.name(index) for index in CLASSES)
    head = f"| settings | {names} | mean |\n|---|{'---|' * (len(CLASSES) + 1)}"
    return f"""The first {len(CLASSES)} classes of "Classes", {len(SEEDS)} seeds each. Mean distance (1 - cosine) of all
pairs, in the features of {judge.name} before its last layer:

{head}
{chr(10).join(features)}

How different they look from afar: the root mean square difference of all pairs at 14 x 14 pixels, 0..1:

{head}
{chr(10).join(shapes)}

{sheets}
"""


def _make_row(recipe: Recipe, values: Sequence[float]) -> str:
    """Return a row of a table: the title of a recipe, its values for the classes, and the mean of these."""
    return f"| {recipe.title} | {' | '.join(f'{value:.3f}' for value in values)} | {sum(values) / len(values):.3f} |"
