"""Canvases far above what the model sees: what a step costs there, against a picture of the model's own size."""

import resource
import sys
from collections.abc import Callable

import torch
from memory import PeakBytes
from speed import by_turns

from das_core.ascent import Ascent
from das_core.augment import Augmentation, Windows
from das_core.models.classifier import Classifier
from das_core.models.starter import load_starter
from das_core.objectives.classes import ClassObjective
from das_core.stack import ImageStack, StackSpec

VALLEY = 979
LARGE = 1024
CANVASES = {
    f"{LARGE} x {LARGE}, tile": StackSpec(LARGE, LARGE, 0, tile=True),
    f"{LARGE} x {LARGE}, margin 56": StackSpec(LARGE, LARGE, 56),
    f"{LARGE} x {LARGE}, margin 256": StackSpec(LARGE, LARGE, 256),
    "1536 x 640, margin 56": StackSpec(1536, 640, 56),
}


def ascent(judge: Classifier, spec: StackSpec) -> Ascent:
    """The defaults, with views as far as the margin lets them."""
    wish = [ClassObjective(judge, ((VALLEY, 1.0),))]
    views = Augmentation(windows=Windows(jitter=spec.margin))
    return Ascent(ImageStack.grey(spec), wish, views, steps=100_000)


def step_of(judge: Classifier, spec: StackSpec) -> Callable[[], object]:
    """A function that does one step after another."""
    steps = iter(ascent(judge, spec))
    return lambda: next(steps)


def peak(judge: Classifier, spec: StackSpec) -> int:
    """Peak bytes of the tensors of two steps, the building of stack and operator included."""
    with PeakBytes() as counted:
        for _, _ in zip(ascent(judge, spec), range(2), strict=False):
            pass
    return counted.peak


def resident() -> int:
    """The most memory this process has had so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def report(rounds: int = 9) -> str:
    """The section of RESULTS.md."""
    judge = load_starter()
    idle = resident()
    (first,) = (spec for name, spec in CANVASES.items() if "margin 256" in name)
    for _, _ in zip(ascent(judge, first), range(3), strict=False):
        pass
    grown = resident() - idle
    small = StackSpec()
    threads = torch.get_num_threads()
    tasks = [step_of(judge, spec) for spec in (small, *CANVASES.values())]
    base, *times = by_turns(rounds, *tasks)
    rows = "\n".join(
        f"| {name} | {' x '.join(map(str, spec.canvas[::-1]))} | {time * 1e3:.0f} ms | {time / base:.2f} "
        f"| {peak(judge, spec) / 2**20:.0f} MiB |"
        for (name, spec), time in zip(CANVASES.items(), times, strict=True)
    )
    return f"""Steps of 16 views of 224 x 224, EfficientNet-Lite0, defaults, {threads} threads, by turns in one process:

| picture | canvas | a step | ratio | peak of all tensors |
|---|---|---|---|---|
| 224 x 224, margin 56 | 336 x 336 | {base * 1e3:.0f} ms | 1 | {peak(judge, small) / 2**20:.0f} MiB |
{rows}

The process grew by {grown / 2**30:.2f} GiB, from {idle / 2**30:.2f} with torch and the model loaded, in three steps
of {LARGE} x {LARGE} with a margin of 256; it was the first thing that it did.
"""
