"""The time of a step on a CUDA device, for several precisions and chunks, and with torch.compile.

A chunk is the number of views that go through the model at once. The time of a step is compared with that of the model
alone, and steps at two sizes of the picture are compared. All measurements run in one process. Those that are compared
take turns; only the pictures with and without torch.compile are made one after the other.
Without a CUDA device this section of RESULTS.md is not written.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from benchmarks.common import time_by_turns
from das_core.ascent.loop import Ascent
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from das_core.objectives.classes import class_objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation

JELLYFISH = 107
VIEWS = 16
CHUNKS = (4, 8, 16)
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
STEPS = 60  # number of steps of the picture that is made with and without torch.compile
LARGE = StackSpec(1024, 1024, 60)
CUDA = torch.device("cuda")


def load(dtype: torch.dtype, device: torch.device) -> Classifier:
    """Return the starter classifier on a device, with its weights in a precision."""
    judge = load_starter().with_precision(dtype)
    judge.module.to(device)
    return judge


def make_ascent(judge: Classifier, device: torch.device, chunk: int, spec: StackSpec | None = None) -> Ascent:
    """Return an ascent before its first step, with default settings and more steps than are ever measured."""
    wish = [class_objective(judge, ((JELLYFISH, 1.0),))]
    stack = ImageStack.gray(spec or StackSpec(224, 224))
    return Ascent(stack, wish, Augmentation(VIEWS), steps=100_000, chunk=chunk, device=device)


def make_step(ascent: Ascent) -> Callable[[], object]:
    """Return a function that does one step at each call and waits until the device has finished it."""
    steps = iter(ascent)

    def run() -> None:
        next(steps)
        wait(ascent.device)

    return run


def make_bare_pass(judge: Classifier, device: torch.device, chunk: int) -> Callable[[], object]:
    """Return a function that does only the forward and backward pass of the model on 16 views, `chunk` at a time."""
    dtype = next(judge.module.parameters()).dtype
    views = torch.rand(VIEWS, 3, judge.size, judge.size, device=device, dtype=dtype)
    parts = [part.clone().requires_grad_() for part in views.split(chunk)]

    def run() -> None:
        for part in parts:
            part.grad = None
            judge.module(part)[:, JELLYFISH].sum().backward()
        wait(device)

    return run


def wait(device: torch.device) -> None:
    """Wait until a CUDA device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_peak(ascent: Ascent) -> float:
    """Return the peak of the memory that is allocated on the device during the next step of an ascent, in MiB."""
    if ascent.device.type != "cuda":
        return float("nan")
    torch.cuda.reset_peak_memory_stats(ascent.device)
    next(iter(ascent))
    return torch.cuda.max_memory_allocated(ascent.device) / 2**20


def climb_a_little(judge: Classifier, device: torch.device) -> Tensor:
    """Do the first three steps of an ascent on a device, and return the canvas as a tensor on the CPU."""
    ascent = make_ascent(judge, device, VIEWS)
    return next(itertools.islice(ascent, 2, None)).stack.canvas.cpu()


def compare_compiled(device: torch.device, steps: int) -> tuple[float, float]:
    """Return the seconds of a picture of `steps` steps without torch.compile, and with it (compilation included)."""
    seconds = []
    for compiled in (False, True):
        judge = load(torch.float32, device)
        begin = time.perf_counter()
        if compiled:
            judge = replace(judge, module=cast(nn.Module, torch.compile(judge.module)))
        step = make_step(make_ascent(judge, device, VIEWS))
        for _ in range(steps):
            step()
        seconds.append(time.perf_counter() - begin)
    return seconds[0], seconds[1]


def tabulate(device: torch.device, rounds: int) -> str:
    """Return the rows of the table, one for each precision and chunk."""
    rows = []
    exact = climb_a_little(load(torch.float32, device), device)
    for name, dtype in PRECISIONS.items():
        judge = load(dtype, device)
        ascents = [make_ascent(judge, device, chunk) for chunk in CHUNKS]
        tasks = [make_step(ascent) for ascent in ascents] + [make_bare_pass(judge, device, chunk) for chunk in CHUNKS]
        times = time_by_turns(rounds, *tasks)
        likeness = torch.cosine_similarity(climb_a_little(judge, device).flatten(), exact.flatten(), dim=0)
        for chunk, ascent, step, bare in zip(CHUNKS, ascents, times[: len(CHUNKS)], times[len(CHUNKS) :], strict=True):
            rows.append(
                f"| {name} | {chunk} | {step * 1e3:.1f} ms | {step / bare:.2f} | {measure_peak(ascent):.0f} MiB "
                f"| {float(likeness):.4f} |"
            )
    return "\n".join(rows)


def report(device: torch.device = CUDA, rounds: int = 9, steps: int = STEPS) -> str:
    """Measure, and return the section for RESULTS.md."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("torch sees no CUDA device here: run this section on a machine that has one")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    rows = tabulate(device, rounds)
    judge = load(torch.float32, device)
    small, large = time_by_turns(
        rounds, make_step(make_ascent(judge, device, VIEWS)), make_step(make_ascent(judge, device, VIEWS, LARGE))
    )
    plain, compiled = compare_compiled(device, steps)
    return f"""{name}. Steps of {VIEWS} views of 224 x 224, EfficientNet-Lite0, defaults, by turns in one process.
The model alone: its forward and backward pass on views that are ready, in the same chunks. Likeness: the cosine of the
canvas after three steps to that of float32.

| weights | views at once | a step | times the model alone | peak of the device | likeness |
|---|---|---|---|---|---|
{rows}

A step of {LARGE.width} x {LARGE.height}, margin {LARGE.margin}, takes {large / small:.2f} times one of 224 x 224.

A picture of {steps} steps takes {plain:.1f} s, and {compiled:.1f} s with torch.compile, compiling included.
"""
