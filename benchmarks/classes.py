"""Quality of pictures of classes, judged by a classifier that took no part in making them.

The ascents use EfficientNet-Lite0 and EfficientNet-Lite1, or only EfficientNet-Lite0. The judge is EfficientNet-Lite2,
a model of another size that was trained separately. The judge sees every picture in the three forms of
`das_core.report.recognition`. The classes were drawn at random from all classes of ImageNet, except for those on which
settings are chosen (`ablation.CLASSES`).
"""

import random
from collections.abc import Mapping

from benchmarks.ablation import CLASSES
from benchmarks.common import HERE, save_sheet
from benchmarks.pictures import make_pictures
from benchmarks.recipes import PICTURE, REFERENCE, SKETCH, Recipe
from benchmarks.recognition import HEADER, RULE, format_cells, summarise
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import Verdict, judge_class

DRAW = 2026  # seed with which the classes are drawn
COUNT = 40

# The indices of the classes of which pictures are made
TARGETS = random.Random(DRAW).sample([index for index in range(1000) if index not in CLASSES], COUNT)
WISHES = [str(index) for index in TARGETS]

# The recipes, and the seeds with which each recipe makes pictures of every class
SEEDS = {PICTURE: (0, 1), SKETCH: (0,), REFERENCE: (0,)}
# The recipes of which RESULTS.md shows the pictures and the verdict on each picture, for their first seed only
SHOWN = (PICTURE, REFERENCE)


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its pictures in the same folder."""
    judge = load_starter(SECOND_OPINION)
    rows: list[str] = []
    first: dict[Recipe, list[Verdict]] = {}
    for recipe, seeds in SEEDS.items():
        for seed in seeds:
            images, seconds = make_pictures(recipe, Recipe.ask_class, WISHES, seed)
            verdicts = judge_class(judge, images, TARGETS)
            median = sorted(seconds)[len(seconds) // 2]
            rows.append(f"| {recipe.title} | {seed} | {recipe.describe()} | {median:.0f} s {summarise(verdicts)}")
            first.setdefault(recipe, verdicts)
            if seed == seeds[0] and recipe in SHOWN:
                save_sheet(list(images), HERE / f"classes_{recipe.name}.jpg", columns=8)
    table = "\n".join(rows)
    sheets = "\n\n".join(f"![{recipe.title}](classes_{recipe.name}.jpg)" for recipe in SHOWN)
    return f"""{COUNT} classes drawn at random (seed {DRAW}) from those that no setting was chosen on.
Judge: {judge.name}, which never saw an ascent. Seconds: the median of the pictures, one thread each, beside whatever
else ran; `python -m benchmarks.run pace` compares seconds.

| settings | seed | work | seconds {HEADER}
|---|---|---|---{RULE}
{table}

The judge's probability as it is, from afar and in grey, and whether the picture is recognised:

{_list_classes({recipe: first[recipe] for recipe in SHOWN})}

{sheets}
"""


def _list_classes(verdicts: Mapping[Recipe, list[Verdict]]) -> str:
    """Return a table with a row for every class; the row has the verdict on the picture of each recipe."""
    cells = " | ".join(f"{recipe.title} | from afar | in grey | recognised" for recipe in verdicts)
    labels = imagenet_labels()
    rows = [
        f"| {labels.name(target)} | {' | '.join(format_cells(verdict) for verdict in row)} |"
        for target, *row in zip(TARGETS, *verdicts.values(), strict=True)
    ]
    return "\n".join([f"| class | {cells} |", "|---" * (1 + 4 * len(verdicts)) + "|", *rows])
