"""How much memory an ascent takes, counted tensor by tensor, so that the number is the same every time."""

import gc
import weakref
from typing import Any, get_args

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

import direct_ascent as da
from benchmarks.common import PLAIN
from das_core.ascent.adam import Adam
from das_core.ascent.ascent import Ascent
from das_core.ascent.memory import estimate_ascent_bytes
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.common.cache import free_caches
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.parametrizations import OperatorForm
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Distance
from das_core.views.windows import Windows


class PeakBytes(TorchDispatchMode):
    """A context manager that finds the largest number of bytes that tensors made in its block hold at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count the memory of the tensors that it made."""
        result = func(*args, **(kwargs or {}))
        for made in tree_iter(result):
            # Tensors on the meta device hold nothing.
            if isinstance(made, Tensor) and made.layout == torch.strided and not made.is_meta:
                self._count(made.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        size = storage.nbytes()
        self._seen.add(key)
        self.held += size
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.held -= size


def ascent_peak(judge: Classifier, step: int, method: OperatorForm = "spectral", chunk: int = 4) -> int:
    """Return the largest number of bytes that new tensors hold at one time during an ascent of two steps."""
    spec = StackSpec(224, 224, levels=linear_levels(336, step), method=method)
    free_caches()
    with PeakBytes() as counted:
        for _ in Ascent(ImageStack.gray(spec), [da.classes(((107, 1.0),)).on(judge)], steps=2, chunk=chunk):
            pass
    return counted.peak


OPTIMIZERS: dict[str, Optimizer] = {"ascent": NormalizedAscent(), "sgd": SGD(momentum=0.9), "adam": Adam()}
SIDES = (128, 224, 512)
VIEWS = 4


def compare_with_estimate(judge: Classifier, side: int, method: OperatorForm, optimizer: Optimizer) -> tuple[int, int]:
    """Return two numbers of bytes for an ascent of two steps on a square picture of `side` pixels a side."""
    wish = [da.classes(((107, 1.0),)).on(judge)]
    free_caches()
    with PeakBytes() as counted:
        stack = ImageStack.gray(StackSpec(side, side, method=method))
        ascent = Ascent(stack, wish, Augmentation(VIEWS), steps=2, optimizer=optimizer, chunk=VIEWS)
        for _ in ascent:
            pass
    return estimate_ascent_bytes(stack.spec, stack.batch, ascent.plan.groups, optimizer, VIEWS), counted.peak


def report_estimates(judge: Classifier) -> str:
    """Return the rows of the table of estimated and used memory, in MiB."""
    rows = []
    for side in SIDES:
        for method in get_args(OperatorForm):
            for name, optimizer in OPTIMIZERS.items():
                # Adam keeps the levels as tensors in all forms of K, so it is measured in one form only.
                if name != "adam" or method == "layers":
                    said, used = compare_with_estimate(judge, side, method, optimizer)
                    rows.append(
                        f"| {side} | {method} | {name} | {said / 2**20:.0f} MiB | {used / 2**20:.0f} MiB "
                        f"| {said / used:.2f} |"
                    )
    return "\n".join(rows)


# Twenty renders of many kinds
RENDERS: list[tuple[StackSpec, Optimizer]] = [
    *((StackSpec(width, height), NormalizedAscent()) for width, height in ((224, 224), (384, 384), (512, 512))),
    *((StackSpec(width, height), SGD()) for width, height in ((640, 384), (768, 512), (1024, 1024))),
    *((StackSpec(side, side, 0, tile=True), NormalizedAscent()) for side in (256, 512)),
    (StackSpec(448, 448, parametrization="fourier"), NormalizedAscent()),
    *((StackSpec(side, side, method="layers"), NormalizedAscent()) for side in (320, 480)),
    *((StackSpec(width, width // 2, method="layers"), SGD()) for width in (320, 640)),
    *((StackSpec(side, side), Adam()) for side in (384, 512)),
    *((StackSpec(side, side, time=Time(frames)), NormalizedAscent()) for side, frames in ((224, 12), (320, 6))),
    *((StackSpec(side, side, zoom=Zoom(depths)), NormalizedAscent()) for side, depths in ((256, 4), (512, 3))),
]


def count_alive() -> int:
    """Return how many bytes all tensors of the process hold."""
    gc.collect()
    tensors = [each for each in gc.get_objects() if issubclass(type(each), Tensor) and not each.is_meta]
    return sum({each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in tensors}.values())


def report_renders(judge: Classifier) -> str:
    """Return what is alive after `RENDERS`, beside the model: at most, at the end, and once caches are freed."""
    free_caches()
    before, views = count_alive(), Augmentation(2, Windows(16), (*PLAIN, Distance(0.5)))

    alive = []
    for spec, optimizer in RENDERS:
        wish = da.classes("jellyfish").on(judge)
        Ascent(ImageStack.noise(spec), wish, views, steps=1, optimizer=optimizer).run()
        alive.append(count_alive() - before)
    free_caches()
    freed = count_alive() - before
    return f"| {max(alive) / 2**20:.0f} MiB | {alive[-1] / 2**20:.0f} MiB | {freed / 2**20:.0f} MiB |"


def report() -> str:
    """Measure, and return the section for RESULTS.md."""
    judge = load_starter()
    rows = "\n".join(
        f"| {method} | {' | '.join(f'{ascent_peak(judge, step, method) / 2**20:.0f} MiB' for step in (4, 1))} |"
        for method in get_args(OperatorForm)
    )
    return f"""Peak of all tensors of an ascent on a canvas of 336 x 336, four views at a time, EfficientNet-Lite0:

| method | 84 levels | 336 levels |
|---|---|---|
{rows}

What the guard of Direct Ascent Optimize expects of an ascent, and the peak of all its tensors: a square picture,
with a margin of 56, every fourth level, {VIEWS} views at a time:

| side | method | optimizer | estimated | used | estimated / used |
|---|---|---|---|---|---|
{report_estimates(judge)}

Alive beside the model after {len(RENDERS)} renders of many sizes, forms, parametrisations and optimizers, films and
zooms among them:

| after one of them, at most | after the last | after the caches are freed |
|---|---|---|
{report_renders(judge)}
"""
