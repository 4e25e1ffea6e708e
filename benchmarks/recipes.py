"""Recipes: the settings that the benchmarks of quality compare, and the ascent of one picture with a recipe.

A recipe of this module has the models of an ascent and all its settings; the benchmark chooses the class or prompt.
The recipes of the library are compared with variants of the recipe picture, and with the settings of the code that the
authors of Direct Ascent Synthesis published.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Literal

from torch import Tensor

import direct_ascent as da
from das_core.ascent import recipe
from das_core.ascent.ascent import Ascent
from das_core.ascent.sgd import SGD
from das_core.models.classifier import Classifier
from das_core.models.clip import CLIP
from das_core.models.ensemble import ClassifierEnsemble, CLIPEnsemble
from das_core.models.sources.starters import STARTER, STARTERS, Starter, load_starter, load_starter_clip
from das_core.objectives.classes import ScoreKind
from das_core.objectives.objective import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Noise
from das_core.views.windows import Windows


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe):
    """How a picture of a benchmark is made: a recipe of the library, and the other settings of a picture."""

    name: str
    title: str
    models: tuple[Starter, ...] = STARTERS
    taught: bool = True  # or with the published weights
    spec: StackSpec = field(default_factory=StackSpec)
    start: Literal["gray", "noise"] = "gray"
    score: ScoreKind = "log_probability"

    @property
    def key(self) -> str:
        """The name and a digest of all settings but the title; recipes with different settings have different keys."""
        settings = repr(replace(self, title=""))
        return f"{self.name}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"

    def describe(self) -> str:
        """Return size, steps, views and models as text, such as '448 x 448, 60 steps x 16 views, two models'."""
        models = {1: "one model", 2: "two models"}[len(self.models)]
        size = f"{self.spec.width} x {self.spec.height}"
        return f"{size}, {self.steps} steps x {self.augmentation.views} views, {models}"

    def begin(self, objectives: Sequence[Objective], seed: int) -> Ascent:
        """Return the ascent of one picture, before its first step."""
        from_noise = self.start == "noise"
        stack = ImageStack.noise(self.spec, seed=seed) if from_noise else ImageStack.gray(self.spec)
        settings = {each.name: getattr(self, each.name) for each in fields(recipe.Recipe)}
        return recipe.Recipe(**settings).prepare(stack, objectives, seed=seed)

    def climb(self, objectives: Sequence[Objective], seed: int) -> tuple[Tensor, float]:
        """Return the image (1, 3, height, width), 0..1, of an ascent toward objectives, and its wall-clock seconds."""
        begin = time.perf_counter()
        image = self.begin(objectives, seed).run().image
        return image, time.perf_counter() - begin

    def ask_class(self, text: str) -> Objective:
        """Return the objective of a class, by its name or index."""
        return da.classes(text, self.score).on(load_classifiers(self.models, self.taught))

    def ask_text(self, text: str) -> Objective:
        """Return the objective of a prompt, for the starter CLIPs that have `models` as image encoders."""
        return da.text(text, "cosine" if self.score == "logit" else "auto").on(load_clips(self.models, self.taught))


Ask = Callable[[Recipe, str], Objective]  # `Recipe.ask_class` or `Recipe.ask_text`


@cache
def load_classifiers(models: tuple[Starter, ...], taught: bool = True) -> Classifier:
    """Return a starter classifier, or the ensemble of several."""
    loaded = [load_starter(model, taught=taught) for model in models]
    return loaded[0] if len(loaded) == 1 else ClassifierEnsemble.from_members(loaded)


@cache
def load_clips(models: tuple[Starter, ...], taught: bool = True) -> CLIP:
    """Return a starter CLIP, or the ensemble of several."""
    loaded = [load_starter_clip(model, taught=taught) for model in models]
    return loaded[0] if len(loaded) == 1 else CLIPEnsemble.from_members(loaded)


PICTURE = Recipe(**vars(recipe.PICTURE), name="picture", title="picture (node defaults)")
PICTURE_FROM_NOISE = replace(PICTURE, name="picture_from_noise", title="picture, start noise", start="noise")
SKETCH = Recipe(**vars(recipe.SKETCH), name="sketch", title="sketch")
BEST = Recipe(**vars(recipe.BEST), name="best", title="best")

# The settings of the code that the authors of Direct Ascent Synthesis published ("seed");
# tests/integration/test_reference.py reproduces that code.
REFERENCE = Recipe(
    name="reference",
    title="reference (seed settings)",
    models=(STARTER,),
    taught=False,
    steps=100,
    augmentation=Augmentation(16, Windows(56, 2 / 3, 2 / 3), (Noise(0.2, "uniform"),)),
    optimizer=SGD(0.005),
    focus=None,
    schedule="constant",
    denoising=None,
    spec=StackSpec(224, 224, levels=linear_levels(336, 4), color="rgb"),
    score="logit",
)
