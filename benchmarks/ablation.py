"""Ablation: the recipe sketch, and variants of it, each with one or more changed settings.

The default settings of the library may be chosen by the results on the classes of this module (`CLASSES`). So
`benchmarks.classes` and `benchmarks.morphs`, which measure the chosen settings, draw their classes from all other
classes of ImageNet. Every mean is over twelve pictures, one of each class, so a difference of less than about 0.1
between two mean probabilities says little.
"""

from dataclasses import replace

from benchmarks.pictures import make_pictures
from benchmarks.recipes import SKETCH, Recipe
from benchmarks.recognition import HEADER, RULE, summarise
from das_core.ascent.focus import Focus
from das_core.ascent.optimizers import Optimizer
from das_core.models.sources.starters import SECOND_OPINION, STARTER, load_starter
from das_core.report.recognition import judge_class
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Distance, Flip, Grayscale, Noise, Transform

# The indices of the ImageNet classes on which settings are chosen
CLASSES = (483, 550, 817, 292, 849, 779, 107, 340, 724, 620, 949, 151)


def _views(*transforms: Transform) -> Augmentation:
    return replace(SKETCH.augmentation, transforms=transforms)


def _windows(**changes: float) -> Augmentation:
    return replace(SKETCH.augmentation, windows=replace(SKETCH.augmentation.windows, **changes))  # type: ignore[arg-type]


def _ascent(**changes: float) -> Optimizer:
    return replace(SKETCH.optimizer, **changes)  # type: ignore[type-var]


def _row(title: str, **changes: object) -> Recipe:
    return replace(SKETCH, name="ablation", title=title, **changes)  # type: ignore[arg-type]


_FAR = Distance(0.25)

ROWS = (
    _row("the sketch"),
    _row("everywhere at once (no focus)", focus=None),
    _row("no grey views", augmentation=_views(Flip(), _FAR, Noise())),
    _row("half of the views grey", augmentation=_views(Flip(), _FAR, Grayscale(0.5), Noise())),
    _row("one model", models=(STARTER,)),
    _row(
        "none of these, no denoiser, no views from afar",
        models=(STARTER,),
        focus=None,
        denoising=None,
        augmentation=_views(Flip(), Noise()),
    ),
    _row("start from noise", start="noise"),
    _row("focus opens wide (end 3)", focus=Focus(end=3.0)),
    _row("no denoiser", denoising=None),
    _row("focus opens in 40 % of the steps", focus=Focus(share=0.4)),
    _row("no tilt", optimizer=_ascent(tilt=0.0)),
    _row("levels 1, 5, 9 and so on, not 4, 8, 12", spec=StackSpec(levels=linear_levels(560, 4))),
    _row("wider windows (zoom_min 0.6)", augmentation=_windows(zoom_min=0.6)),
    _row("closer windows (zoom_min 0.3)", augmentation=_windows(zoom_min=0.3)),
    _row("step size 0.18", optimizer=_ascent(step_size=0.18)),
    _row("coarse for 80 % of the steps", optimizer=_ascent(coarse_to_fine=0.8)),
)


def report() -> str:
    """Measure the recipe sketch and its variants, and return the section for RESULTS.md: a table."""
    judge = load_starter(SECOND_OPINION)
    rows = []
    for recipe in ROWS:
        images, _ = make_pictures(recipe, Recipe.ask_class, [str(index) for index in CLASSES], 0)
        rows.append(f"| {recipe.title} {summarise(judge_class(judge, images, CLASSES))}")
    table = "\n".join(rows)
    return f"""{len(CLASSES)} classes, seed 0, {SKETCH.describe()} where the row does not say otherwise.
Judge: {judge.name}, which never saw the ascent. What of the sketch is changed:

| changed {HEADER}
|---{RULE}
{table}
"""
