"""The time and the memory of steps: on canvases much larger than the views, and on a canvas of the usual size."""

import itertools
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

import direct_ascent as da
from benchmarks.common import time_by_turns
from benchmarks.memory import PeakBytes
from das_core.ascent.ascent import Ascent
from das_core.common.cache import free_caches
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from das_core.stack.image_stack import ImageStack
from das_core.stack.size import widen_margin
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

VALLEY = 979
LARGE = 1024
THREADS = (1, 2)
CANVASES = {
    f"{LARGE} x {LARGE}, tile": StackSpec(LARGE, LARGE, 0, tile=True),
    f"{LARGE} x {LARGE}, margin 56": StackSpec(LARGE, LARGE, widen_margin(LARGE, LARGE, 56)),
    f"{LARGE} x {LARGE}, margin 56, not widened": StackSpec(LARGE, LARGE, 56),
    f"{LARGE} x {LARGE}, margin 256": StackSpec(LARGE, LARGE, widen_margin(LARGE, LARGE, 256)),
    "1536 x 640, margin 56": StackSpec(1536, 640, widen_margin(1536, 640, 56)),
}


def ascent(judge: Classifier, spec: StackSpec) -> Ascent:
    """Return an ascent from grey with 16 views, which may reach into the whole margin, and default settings."""
    wish = [da.classes(((VALLEY, 1.0),)).on(judge)]
    views = Augmentation(16, windows=Windows(jitter=spec.margin))
    return Ascent(ImageStack.gray(spec), wish, views, steps=100_000)


def step_of(judge: Classifier, spec: StackSpec) -> Callable[[], object]:
    """Return a function that does the next step of an ascent at each call."""
    steps = iter(ascent(judge, spec))
    return lambda: next(steps)


def do_steps(judge: Classifier, spec: StackSpec, steps: int) -> Ascent:
    """Return an ascent after its first `steps` steps."""
    begun = ascent(judge, spec)
    for _ in itertools.islice(begun, steps):
        pass
    return begun


def peak(judge: Classifier, spec: StackSpec) -> int:
    """Return the peak bytes of new tensors while stack and operator are built and an ascent does three steps."""
    free_caches()
    with PeakBytes() as counted:
        do_steps(judge, spec, 3)
    return counted.peak


def resident(kind: str) -> int:
    """Return the resident memory of this process in bytes; `kind` is "VmRSS" (now) or "VmHWM" (peak), as in Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(kind))


def growth(spec: StackSpec) -> tuple[int, int]:
    """Return the bytes of this process after the model is loaded, and by how many bytes it then grows at most."""
    judge = load_starter()
    idle = resident("VmRSS")
    do_steps(judge, spec, 4)
    return idle, resident("VmHWM") - idle


def report(rounds: int = 7) -> str:
    """Measure the time and the memory of steps on each canvas, and return the section for RESULTS.md."""
    judge = load_starter()
    largest = max(CANVASES, key=lambda name: math.prod(CANVASES[name].canvas))
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        idle, grown = alone.submit(growth, CANVASES[largest]).result()
    specs = {"224 x 224, margin 56": StackSpec(224, 224), **CANVASES}
    before = torch.get_num_threads()
    times = []
    for threads in THREADS:
        torch.set_num_threads(threads)
        times.append(time_by_turns(rounds, *(step_of(judge, spec) for spec in specs.values())))
    torch.set_num_threads(before)
    # `canvas` is (height, width); the table has the width first.
    rows = "\n".join(
        f"| {name} | {' x '.join(map(str, spec.canvas[::-1]))} | "
        + " | ".join(f"{taken[number] * 1e3:.0f} ms, {taken[number] / taken[0]:.2f}" for taken in times)
        + f" | {peak(judge, spec) / 2**20:.0f} MiB |"
        for number, (name, spec) in enumerate(specs.items())
    )
    heads = " | ".join(f"a step, {threads} thread{'s'[: threads - 1]}" for threads in THREADS)
    return f"""Steps of 16 views of 224 x 224, EfficientNet-Lite0, defaults, by turns in one process; the second number
is the ratio to the first row:

| picture | canvas | {heads} | peak of all tensors |
|---|---|---|---|---|
{rows}

Four steps of {largest} make a process, at its largest, {grown / 2**30:.2f} GiB larger than it is with torch and the
model loaded ({idle / 2**30:.2f} GiB).
"""
