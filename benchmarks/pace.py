"""How soon pictures are good: the probability of their class under a held-out classifier, over the time of the ascent.

All recipes run in one process, one after another for each class. The time of the held-out classifier is not counted.
Seconds are CPU time, summed over threads, so other load on the machine hardly matters.
"""

import time
from dataclasses import dataclass

import matplotlib
from matplotlib.figure import Figure

from benchmarks.common import HERE, SEED
from benchmarks.recipes import BEST, PICTURE, REFERENCE, SKETCH, Recipe
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import SECOND_OPINION, load_starter

# Castle, jellyfish and strawberry: three of the classes on which settings were chosen (`ablation.CLASSES`)
CLASSES = (483, 107, 949)
RECIPES = (SKETCH, PICTURE, BEST, REFERENCE)
LOOKS = 10  # how many times the judge classifies the picture during each ascent
FILE = HERE / "pace.png"


@dataclass(frozen=True)
class Look:
    """The probability that the judge gives to the class of the picture after some CPU seconds of an ascent."""

    seconds: float
    probability: float


def climb(recipe: Recipe, judge: Classifier, target: int) -> list[Look]:
    """Run one ascent for the class `target`, let a judge look at its picture `LOOKS` times, and return the looks."""
    ascent = recipe.begin([recipe.ask_class(str(target))], SEED)
    looks, spent, begin = [], 0.0, time.process_time()
    for done, step in enumerate(ascent, start=1):
        # True for `LOOKS` evenly spaced steps, of which the last step is one.
        if done * LOOKS // recipe.steps > (done - 1) * LOOKS // recipe.steps:
            spent += time.process_time() - begin
            looks.append(Look(spent, float(judge.probabilities(step.image())[0, target])))
            begin = time.process_time()
    return looks


def average(runs: list[list[Look]]) -> list[Look]:
    """Return the mean looks of several runs: look n has the mean seconds and probability of look n of all runs."""
    count = len(runs)
    return [
        Look(sum(look.seconds for look in looks) / count, sum(look.probability for look in looks) / count)
        for looks in zip(*runs, strict=True)
    ]


def first_time(looks: list[Look], probability: float) -> str:
    """Return, as text, the seconds of the first look that reaches a probability, or 'not reached'."""
    reached = [look.seconds for look in looks if look.probability >= probability]
    return f"{reached[0]:.0f} s" if reached else "not reached"


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its plot in the same folder."""
    judge = load_starter(SECOND_OPINION)
    runs: dict[str, list[list[Look]]] = {recipe.name: [] for recipe in RECIPES}
    for target in CLASSES:
        for recipe in RECIPES:
            runs[recipe.name].append(climb(recipe, judge, target))
    means = {recipe: average(runs[recipe.name]) for recipe in RECIPES}
    draw(means)
    rows = "\n".join(
        f"| {recipe.title} | {recipe.describe()} | {looks[-1].seconds:.0f} s | {looks[-1].probability:.2f} "
        f"| {first_time(looks, 0.25)} | {first_time(looks, 0.5)} | {first_time(looks, 0.75)} |"
        for recipe, looks in means.items()
    )
    return f"""Mean over {len(CLASSES)} classes, seed {SEED}, the recipes by turns in one process. Judge: {judge.name}.
Seconds of the processor. The reference has this project's fast form of K here; a step of the loop that its authors
published takes several times as long ("the seed's loop" in Speed).

| settings | work | seconds in all | mean p at the end | p 0.25 after | p 0.5 after | p 0.75 after |
|---|---|---|---|---|---|---|
{rows}

![mean probability over seconds]({FILE.name})
"""


def draw(means: dict[Recipe, list[Look]]) -> None:
    """Plot the mean probability over the seconds, one line for each recipe."""
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for recipe, looks in means.items():
            axes.plot([look.seconds for look in looks], [look.probability for look in looks], "o-", label=recipe.title)
        axes.set(xscale="log", xlabel="seconds of the processor", ylabel="the judge's mean probability", ylim=(0, 1))
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(FILE, dpi=110)
