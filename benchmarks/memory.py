"""How much memory an ascent takes, counted tensor by tensor, so that the number is the same every time."""

import weakref

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from das_core.ascent.loop import Ascent
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import load_starter
from das_core.objectives.classes import ClassObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.operator_forms import Method
from das_core.stack.spec import StackSpec


class PeakBytes(TorchDispatchMode):
    """The most bytes that tensors made inside the context held at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        """Run an operation and count what it made."""
        result = func(*args, **(kwargs or {}))
        for made in tree_iter(result):
            if isinstance(made, Tensor) and made.layout == torch.strided:
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


def ascent_peak(judge: Classifier, step: int, method: Method = "spectral", chunk: int = 4) -> int:
    """Peak bytes of two steps at every `step`-th level, the building of the operator included."""
    spec = StackSpec(levels=linear_levels(336, step), method=method)
    with PeakBytes() as counted:
        for _ in Ascent(ImageStack.gray(spec), [ClassObjective(judge, ((107, 1.0),))], steps=2, chunk=chunk):
            pass
    return counted.peak


def report() -> str:
    """Return the section of RESULTS.md."""
    judge = load_starter()
    rows = "\n".join(
        f"| {method} | {' | '.join(f'{ascent_peak(judge, step, method) / 2**20:.0f} MiB' for step in (4, 1))} |"
        for method in ("spectral", "exact", "layers")
    )
    return f"""Peak of all tensors of an ascent on a canvas of 336 x 336, four views at a time, EfficientNet-Lite0:

| method | 84 levels | 336 levels |
|---|---|---|
{rows}
"""
