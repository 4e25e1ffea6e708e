"""Memory after renders of many kinds: what stays cached is below the limit, and nothing once it is freed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import das_core as da
from das_core.ascent.optimizers import Optimizer
from das_core.common.cache import free_caches, measure_caches, running
from toys import toy_class

pytestmark = pytest.mark.hostile

VIEWS = da.Augmentation(2, da.Windows(8), (da.Distance(1.0),))
RENDERS: list[tuple[da.StackSpec, Optimizer]] = [
    (da.StackSpec(160, 224), da.NormalizedAscent()),
    (da.StackSpec(96, 96, 0, tile=True), da.SGD()),
    (da.StackSpec(128, 96, method="layers"), da.SGD()),
    (da.StackSpec(96, 96), da.Adam()),
    (da.StackSpec(64, 64, time=da.Time(5)), da.NormalizedAscent()),
    (da.StackSpec(96, 96, 12, zoom=da.Zoom(3)), da.NormalizedAscent()),
]


def test_memory_after_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 2**20
    monkeypatch.setattr("das_core.common.cache.LIMIT", limit)

    def climb() -> list[int]:
        kept = []
        for spec, optimizer in RENDERS:
            da.Ascent(da.ImageStack.noise(spec), toy_class(), VIEWS, steps=1, optimizer=optimizer).run()
            kept.append(measure_caches())
        return kept

    free_caches()
    assert climb() == [0] * len(RENDERS)
    # A run in another thread is going on, so nothing is emptied.
    with ThreadPoolExecutor(1) as pool, running(torch.device("cpu")):
        assert all(0 < kept <= limit for kept in pool.submit(climb).result())
    assert measure_caches() == 0
    # Outside of runs.
    for spec, _ in RENDERS:
        stack = da.ImageStack.noise(spec)
        da.decompose(stack)
        da.measure_spectrum(stack.image())
        assert 0 < measure_caches() <= limit
    free_caches()
    assert measure_caches() == 0
