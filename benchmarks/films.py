"""Films: how much frames differ, how a held-out classifier judges them, and how long a step takes.

The time of a step of a film is compared with the time of a step of a single picture. The films are a morph from one
class to another, and a loop from the first class to the second and back. EfficientNet-Lite0 guides the ascents;
EfficientNet-Lite2 is the judge.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

import direct_ascent as da
from benchmarks.common import HERE, SEED, save_sheet
from das_core.ascent.ascent import Ascent
from das_core.ascent.recipe import PICTURE
from das_core.ascent.result import Step
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.change import over_keyframes
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time

FRAMES = 12
VIEWS = 24
STEPS = 60
FROM, TO = "castle", "volcano"
MANY = 48  # number of frames of a longer film, of which only the time of a step is measured
SHEET = HERE / "films.jpg"

RECIPE = replace(PICTURE, steps=STEPS, augmentation=replace(PICTURE.augmentation, views=VIEWS))


def start_film(model: Classifier, frames: int, *, loop: bool) -> Ascent:
    """Return the ascent of a film from the class `FROM` to the class `TO`; a loop then goes back to `FROM`."""
    end = frames // 2 if loop else frames - 1
    wishes = over_keyframes({0: FROM, end: TO}, lambda name: da.classes(name, "share").on(model))
    stack = ImageStack.gray(StackSpec(224, 224, time=Time(frames, loop=loop)))
    return RECIPE.prepare(stack, wishes, seed=SEED)


def measure_changes(frames: Tensor) -> list[float]:
    """Return the mean absolute difference between every frame and the next; the first frame follows the last."""
    return [float(change) for change in (frames.roll(-1, 0) - frames).abs().mean(dim=(1, 2, 3))]


def time_steps(model: Classifier, rounds: int = 5) -> dict[int, float]:
    """Return the median CPU seconds of a step of each film, by its number of frames."""
    picture = RECIPE.prepare(ImageStack.gray(StackSpec(224, 224)), [da.classes(FROM, "logit").on(model)], seed=SEED)
    films = {frames: start_film(model, frames, loop=False) for frames in (FRAMES, MANY)}
    running: dict[int, Iterator[Step]] = {frames: iter(ascent) for frames, ascent in {0: picture, **films}.items()}
    taken: dict[int, list[float]] = {frames: [] for frames in running}
    for number in range(rounds + 1):
        for frames, steps in running.items():
            begin = time.process_time()
            next(steps)
            if number:
                taken[frames].append(time.process_time() - begin)
    return {frames: sorted(seconds)[rounds // 2] for frames, seconds in taken.items()}


def list_probabilities(judge: Classifier, frames: Tensor, name: str) -> str:
    """Return, as text, the probability that a judge gives the class `name` in every frame."""
    probabilities = judge.probabilities(frames)[:, judge.labels.find(name)]
    return ", ".join(f"{float(probability):.2f}" for probability in probabilities)


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its sheet of pictures in the same folder."""
    model, judge = load_starter(), load_starter(SECOND_OPINION)
    rows, shown = [], []
    for title, loop in (("morph", False), ("loop", True)):
        frames = start_film(model, FRAMES, loop=loop).run().image
        changes = measure_changes(frames)
        # The last of the changes leads from the last frame to the first; only in a loop are these frames neighbours.
        across = float((frames[0] - frames[FRAMES // 2 if loop else -1]).abs().mean())
        rows.append(
            f"| {title} | {sum(changes[:-1]) / (FRAMES - 1):.3f} | {max(changes[:-1]):.3f} | {changes[-1]:.3f} "
            f"| {across:.3f} | {list_probabilities(judge, frames, FROM)} | {list_probabilities(judge, frames, TO)} |"
        )
        shown += list(frames)
    seconds = time_steps(model)
    save_sheet(shown, SHEET, columns=FRAMES // 2)
    times = "; ".join(
        f"{seconds[frames]:.2f} s of {frames} frames, {seconds[frames] / seconds[0]:.2f} times as long"
        for frames in (FRAMES, MANY)
    )
    table = "\n".join(rows)
    return f"""{FROM} to {TO}, and in the loop back again: {FRAMES} frames of 224 x 224, {VIEWS} views a step for the
whole film, {STEPS} steps, {model.name}, the share, seed {SEED}. Changes are mean differences of pixels in 0..1. Judge:
{judge.name}, which never saw the ascent.

| film | from frame to frame, mean | largest | last to first | between the ends | {FROM} | {TO} |
|---|---|---|---|---|---|---|
{table}

A step of one picture with {VIEWS} views takes {seconds[0]:.2f} s, one thread; {times}.

![The morph, two rows, and the loop, two rows]({SHEET.name})
"""
