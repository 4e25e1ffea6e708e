"""How quick a GPU is, what a step needs there, and which shortcuts keep the pictures as good: `make bench-gpu`.

It writes gpu_report.md into the present folder, a file for an issue or for RESULTS.md. All is measured in one process;
what is compared takes turns. How good pictures are is what a model says that took no part.
"""

import argparse
import copy
import itertools
import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

import direct_ascent as da
from benchmarks.common import time_by_turns
from das_core.ascent.ascent import Ascent
from das_core.ascent.recipe import SKETCH
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.per_image import one_per_image
from das_core.report.recognition import judge_class
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation

REPORT = Path("gpu_report.md")
CLASSES = (1, 107, 277, 483, 849, 980)  # goldfish, jellyfish, red fox, castle, teapot, volcano
ENDLESS = 100_000  # more steps than are ever measured


@dataclass(frozen=True)
class Way:
    """A way to run the model: the type of its weights, and what else is set."""

    name: str
    dtype: torch.dtype = torch.float32
    channels_last: bool = False
    tf32: bool = True  # as torch comes: convolutions in float32 may round to TF32
    mode: str = ""  # of torch.compile; "reduce-overhead" uses CUDA graphs

    def load(self, device: torch.device) -> Classifier:
        """Return a starter classifier of its own on a device."""
        judge = load_starter().with_precision(self.dtype)
        module = copy.deepcopy(judge.module).to(device)
        if self.channels_last:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.mode:
            module = cast(nn.Module, torch.compile(module, mode=self.mode))
        return replace(judge, module=module, owner=None)

    @contextmanager
    def set(self) -> Iterator[None]:
        """Let torch round as this way says, while the `with` block runs."""
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = self.tf32
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = before


EXACT = Way("float32 without TF32", tf32=False)
WAYS = (
    EXACT,
    Way("float32"),
    Way("float32, channels last", channels_last=True),
    Way("bf16", torch.bfloat16),
    Way("bf16, channels last", torch.bfloat16, channels_last=True),
    Way("fp16", torch.float16),
    Way("fp16, channels last", torch.float16, channels_last=True),
    Way("float32, compiled", mode="default"),
    Way("float32, CUDA graphs", mode="reduce-overhead"),
    Way("fp16, channels last, CUDA graphs", torch.float16, channels_last=True, mode="reduce-overhead"),
)


def make_step(judge: Classifier, device: torch.device, side: int = 224, views: int = 16) -> Callable[[], ImageStack]:
    """Return a function that does one step at each call and waits until the device has finished it."""
    wish = da.classes(CLASSES[1], "logit").on(judge)
    stack = ImageStack.gray(StackSpec(side, side))
    steps = iter(Ascent(stack, [wish], Augmentation(views), steps=ENDLESS, chunk=views, device=device))

    def run() -> ImageStack:
        step = next(steps)
        wait(device)
        return step.stack

    return run


def make_bare_pass(judge: Classifier, device: torch.device, views: int = 16) -> Callable[[], object]:
    """Return a function that does only the forward and backward pass of the model on views that are ready."""
    dtype = next(judge.module.parameters()).dtype
    batch = torch.rand(views, 3, judge.size, judge.size, device=device, dtype=dtype).requires_grad_()

    def run() -> None:
        batch.grad = None
        judge.module(batch)[:, CLASSES[1]].sum().backward()
        wait(device)

    return run


def wait(device: torch.device) -> None:
    """Wait until a CUDA device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_peak(step: Callable[[], object], device: torch.device) -> str:
    """Return the peak of the memory that is allocated on the device during a step."""
    if device.type != "cuda":
        return "not on CUDA"
    torch.cuda.reset_peak_memory_stats(device)
    step()
    return f"{torch.cuda.max_memory_allocated(device) / 2**20:.0f} MiB"


def count_waits(step: Callable[[], object], device: torch.device) -> str:
    """Return how often a step waits for the device, the wait at its end included."""
    if device.type != "cuda":
        return "not on CUDA"
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return str(1 + sum("synchroniz" in str(warning.message).lower() for warning in caught))


def judge_pictures(judge: Classifier, device: torch.device, classes: Sequence[int], steps: int) -> tuple[float, float]:
    """Return the mean probability that Lite2 gives to the classes of pictures, and the share that it recognises."""
    wish = one_per_image([da.classes(number).on(judge) for number in classes])
    stack = ImageStack.gray(StackSpec(224, 224), batch=len(classes))
    images = replace(SKETCH, steps=steps).prepare(stack, wish, device=device).run().image.cpu()
    verdicts = judge_class(load_starter(SECOND_OPINION), images, classes)
    means = [verdict.as_is.score for verdict in verdicts]
    return sum(means) / len(means), sum(verdict.recognised for verdict in verdicts) / len(verdicts)


def climb_a_little(judge: Classifier, device: torch.device) -> Tensor:
    """Return the canvas after the first three steps of an ascent."""
    step = make_step(judge, device)
    return [step().canvas.flatten().cpu() for _ in range(3)][-1]


def measure_way(way: Way, device: torch.device, exact: Tensor, rounds: int, classes: Sequence[int], steps: int) -> str:
    """Return the row of a way; where it does not work, what torch says. `exact` is the canvas of `EXACT`."""
    try:
        with way.set():
            judge = way.load(device)
            step = make_step(judge, device)
            took, alone = time_by_turns(rounds, step, make_bare_pass(judge, device))
            likeness = torch.cosine_similarity(climb_a_little(judge, device), exact, dim=0)
            score, recognised = judge_pictures(judge, device, classes, steps)
            found = f"{1 / took:.1f} | {took / alone:.2f} | {count_waits(step, device)} | {measure_peak(step, device)}"
            return f"| {way.name} | {found} | {float(likeness):.4f} | {score:.3f} | {recognised:.0%} |"
    except (RuntimeError, ImportError, NotImplementedError) as error:  # no compiler, too little memory, no such type
        said = str(error).strip().splitlines() or [type(error).__name__]
        return f"| {way.name} | does not work: {said[0][:120].replace('|', '/')} | | | | | | |"


def measure_sizes(device: torch.device, rounds: int, sides: tuple[int, ...], views: tuple[int, ...]) -> str:
    """Return a row for each size of the picture and number of views."""
    rows = []
    judge = WAYS[1].load(device)
    for side, count in itertools.product(sides, views):
        step = make_step(judge, device, side, count)
        (took,) = time_by_turns(rounds, step)
        rows.append(f"| {side} x {side} | {count} | {1 / took:.1f} | {measure_peak(step, device)} |")
    return "\n".join(rows)


def report(device: torch.device, ways: tuple[Way, ...] = WAYS, *, quick: bool = False) -> str:
    """Measure, and return the report.

    Args:
        device: where to measure.
        ways: the ways to run the model.
        quick: a few steps of everything: whether it works, not how quick it is.
    """
    rounds, classes, steps = (1, CLASSES[:1], 2) if quick else (15, CLASSES, SKETCH.steps)
    sides, views = ((64,), (2,)) if quick else ((224, 512, 1024, 2048), (4, 16, 64))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    with EXACT.set():
        exact = climb_a_little(EXACT.load(device), device)
    rows = "\n".join(measure_way(way, device, exact, rounds, classes, steps) for way in ways)
    return f"""# {name}

torch {torch.__version__}, CUDA {torch.version.cuda}, Python {platform.python_version()}, {platform.system()}, by
`python -m benchmarks.gpu{" --quick" if quick else ""}`. EfficientNet-Lite0, medians of {rounds} steps, by turns.

## Ways to run the model

Steps of 16 views, 224 x 224. Alone: the passes of the model on views that are ready. Waits: for the device, in a step.
Likeness: the cosine of the canvas after three steps to that of {EXACT.name}. Lite2, which took no part, rates pictures
of {len(classes)} classes, of {steps} steps of the recipe sketch.

| way | steps a second | times the model alone | waits | peak | likeness | mean p | recognised |
|---|---|---|---|---|---|---|---|
{rows}

## Sizes and views, {WAYS[1].name}

| picture | views | steps a second | peak |
|---|---|---|---|
{measure_sizes(device, rounds, sides, views)}
"""


def main() -> None:
    """Measure on a device and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="default: cuda")
    parser.add_argument("--quick", action="store_true", help="a few steps of everything: whether it works")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch sees no CUDA device here; choose another one, as --device mps, or --device cpu --quick")
    text = report(device, quick=asked.quick)
    REPORT.write_text(text, encoding="utf-8")
    print(f"{text}\nwritten to {REPORT.absolute()}")


if __name__ == "__main__":
    main()
