"""Sizes: the recipe picture at three sizes, and the recipe best: recognised classes and fine structure.

The denoiser, the focus and the views follow the size of the canvas, so the same recipe serves small pictures and large
ones. This benchmark shows how far that holds.
"""

from dataclasses import replace

from benchmarks.classes import TARGETS, WISHES
from benchmarks.engraving import average, measure_structure
from benchmarks.pictures import make_pictures
from benchmarks.recipes import BEST, PICTURE, Recipe
from benchmarks.recognition import HEADER, RULE, summarise
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import judge_class
from das_core.stack.spec import StackSpec

COUNT = 6  # number of classes of which every recipe makes a picture: the first of "Classes"
RECIPES = (
    replace(PICTURE, name="picture_224", spec=StackSpec(224, 224)),
    PICTURE,
    replace(PICTURE, name="picture_1024", spec=StackSpec(1024, 1024)),
    BEST,
)


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    judge, rows = load_starter(SECOND_OPINION), []
    for recipe in RECIPES:
        images, seconds = make_pictures(recipe, Recipe.ask_class, WISHES[:COUNT], 0)
        found = average([measure_structure(image[None]) for image in images])
        rows.append(
            f"| {recipe.title} | {recipe.describe()} | {sorted(seconds)[COUNT // 2]:.0f} s "
            f"| {found.sparsity:.2f} | {found.calm:.2f} | {found.contrast:.3f} "
            f"{summarise(judge_class(judge, images, TARGETS[:COUNT]))}"
        )
    table = "\n".join(rows)
    return f"""The first {COUNT} classes of "Classes", seed 0, judged by {judge.name}, which never saw an ascent.
Sparsity, calm and contrast are those of "Engraving"; calm and contrast belong to patches of 8 x 8 pixels, so they
depend on the size, too. Seconds: the median of the pictures, one thread each, beside whatever else ran.

| settings | work | seconds | sparsity | calm | contrast {HEADER}
|---|---|---|---|---|---{RULE}
{table}
"""
