"""Memory after renders of many kinds: what stays cached is below the limit, and nothing once it is freed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.common.cache import free_caches, measure_caches, running
from das_core.report.spectrum import measure_spectrum
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time
from das_core.stack.zoom import Zoom
from das_core.views.augmentation import Augmentation
from das_core.views.distance import Distance
from das_core.views.windows import Windows
from toys import toy_class

pytestmark = pytest.mark.hostile

VIEWS = Augmentation(2, Windows(8), (Distance(1.0),))
RENDERS: list[tuple[StackSpec, Optimizer]] = [
    (StackSpec(160, 224), NormalizedAscent()),
    (StackSpec(96, 96, 0, tile=True), SGD()),
    (StackSpec(128, 96, method="layers"), SGD()),
    (StackSpec(96, 96), Adam()),
    (StackSpec(64, 64, time=Time(5)), NormalizedAscent()),
    (StackSpec(96, 96, 12, zoom=Zoom(3)), NormalizedAscent()),
]


def test_memory_after_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 2**20
    monkeypatch.setattr("das_core.common.cache.LIMIT", limit)

    def climb() -> list[int]:
        kept = []
        for spec, optimizer in RENDERS:
            Ascent(ImageStack.noise(spec), toy_class(), VIEWS, steps=1, optimizer=optimizer).run()
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
        stack = ImageStack.noise(spec)
        decompose(stack)
        measure_spectrum(stack.image())
        assert 0 < measure_caches() <= limit
    free_caches()
    assert measure_caches() == 0
