"""Memory that runs out at many places of an ascent: the next run is as before."""

import random
import re
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from loaded_pack import STEADY, Pack
from outcomes import Outcomes

pytestmark = pytest.mark.hostile

PLACES = 4  # How many places of an ascent are tried, or all that there are
CPU_ERROR = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error code 12"


class FailingOperation(TorchDispatchMode):
    """Raises `error` at the operation of PyTorch with this number, from 1; with None it only counts the operations."""

    def __init__(self, number: int | None, error: BaseException) -> None:
        super().__init__()
        self.number, self.error, self.count = number, error, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        if self.count == self.number:
            raise self.error
        return func(*args, **(kwargs or {}))


def run(pack: Pack, mode: TorchDispatchMode | None = None) -> Any:
    given = {"stack": pack.stack(), "objectives": {"objective0": pack.objective()}, "augmentation": pack.still(views=2)}
    with mode or nullcontext():
        return pack.optimize(**given, preview_every=1, **STEADY)


def test_memory_runs_out_at_any_operation(pack: Pack, outcomes: Outcomes, scale: int) -> None:
    whole = run(pack)
    counter = FailingOperation(None, RuntimeError())
    run(pack, counter)
    places = random.Random(0).sample(range(1, counter.count), min(PLACES * scale, counter.count - 1))
    for place in places:
        for error in (torch.OutOfMemoryError("CUDA out of memory"), RuntimeError(CPU_ERROR)):
            try:
                made, said = run(pack, FailingOperation(place, error)), ""
            except RuntimeError as caught:
                said = str(caught)
            if said:
                # Only a step is tried again after memory has run out. Elsewhere the run ends with an error that names
                # memory, and that may also say what was saved.
                assert re.search("out of memory|ran out|allocate memory", said), (place, said)
                outcomes.counts["refused"] += 1
            else:
                torch.testing.assert_close(made[0], whole[0], atol=1e-3, rtol=0)
                outcomes.counts["done"] += 1
    assert torch.equal(run(pack)[0], whole[0])
    assert outcomes.counts["done"] > outcomes.counts["refused"] / 4
