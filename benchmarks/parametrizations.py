"""Parametrisations: ascents that move levels, pixels or Fourier coefficients, under equal settings.

The classes are those on which settings are chosen (`benchmarks.ablation`), but no setting was chosen by the results
of this benchmark.
"""

from dataclasses import replace

from benchmarks.ablation import CLASSES
from benchmarks.common import HERE, save_sheet
from benchmarks.engraving import measure_structure
from benchmarks.pictures import make_pictures
from benchmarks.recipes import SKETCH, Recipe
from benchmarks.recognition import HEADER, RULE, summarise
from das_core.ascent.denoising import Denoising
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import judge_class
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec

TITLES = {
    "pyramid": "levels, without a tilt",
    "pixels": "pixels",
    "fourier": "Fourier coefficients, the scale of lucid",
}
SHEET = HERE / "parametrizations.jpg"
_SHOWN = 6


# An earlier version of the recipe sketch, but with a tilt of 0. At the frequency f, K multiplies the gradient by about
# 1 / f for levels, and by 1 / f^2 for Fourier coefficients. A tilt would make K for levels more like K for Fourier
# coefficients.
_LEVELS_ALONE = replace(
    SKETCH,
    steps=32,
    augmentation=replace(SKETCH.augmentation, views=8),
    optimizer=NormalizedAscent(step_size=0.18, tilt=0.0),
    denoising=Denoising(strength=0.035, end=0.012, share=0.45),
)


def make_recipe(parametrization: str) -> Recipe:
    """Return the recipe of this benchmark, an earlier version of the recipe sketch, with the given parametrisation."""
    levels = linear_levels(560, 4) if parametrization == "pyramid" else None
    return replace(
        _LEVELS_ALONE,
        name=f"moved_{parametrization}",
        title=TITLES[parametrization],
        spec=StackSpec(levels=levels, parametrization=parametrization),  # type: ignore[arg-type]
    )


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its sheet of pictures in the same folder."""
    judge, rows, shown = load_starter(SECOND_OPINION), [], []
    for name in TITLES:
        recipe = make_recipe(name)
        images, _ = make_pictures(recipe, Recipe.ask_class, [str(index) for index in CLASSES], 0)
        sparsity = sum(measure_structure(image[None]).sparsity for image in images) / len(images)
        rows.append(f"| {recipe.title} | {sparsity:.2f} {summarise(judge_class(judge, images, CLASSES))}")
        shown += list(images[:_SHOWN])
    save_sheet(shown, SHEET, columns=_SHOWN)
    table = "\n".join(rows)
    return f"""{len(CLASSES)} classes, seed 0, {_LEVELS_ALONE.describe()}, no tilt, the same objectives,
views, focus, denoiser and steps of the same size for all; only what moves differs. Judge: {judge.name}, which never
saw the ascent. The sparsity is that of gradients (Engraving).

| what moves | sparsity {HEADER}
|---|---{RULE}
{table}

![{", ".join(TITLES.values())}: a row each]({SHEET.name})
"""
