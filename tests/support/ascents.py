"""For tests of interrupted ascents: an ascent whose steps all differ, a way to do some of them, an exact comparison."""

from itertools import islice, product

import torch

import direct_ascent as da
from das_core.ascent.optimizers import Optimizer
from toys import SPEC, VIEWS, toy_class

STEADY: list[Optimizer] = [da.ascent.NormalizedAscent(0.05, 0.0, 0.0), da.ascent.SGD(0.5, 0.9), da.ascent.Adam()]
"""Optimizers whose first steps are like their last."""

FORMS = list(product(STEADY, ["spectral", "layers"]))
"""These optimizers with the methods of a stack."""


def assert_same(one: da.Result, other: da.Result) -> None:
    """Check that two results are equal bit for bit, including the state from which a next ascent would continue."""
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.importance, other.importance)
    assert one.history == other.history
    assert one.stack.steps == other.stack.steps
    assert torch.equal(one.stack.canvas, other.stack.canvas)
    mine, yours = one.stack.optimizer_state, other.stack.optimizer_state
    assert (mine is None) == (yours is None)
    if mine is not None and yours is not None:
        assert all(map(torch.equal, mine.tensors, yours.tensors))


def start_ascent(optimizer: Optimizer | None = None, steps: int = 5) -> da.Ascent:
    """Return an ascent whose result depends on which steps are done."""
    stack, objectives, denoising = da.ImageStack.noise(SPEC, 2), [toy_class()], da.ascent.Denoising(strength=0.1)
    return da.Ascent(stack, objectives, VIEWS, steps=steps, optimizer=optimizer, seed=3, denoising=denoising)


def do_steps(ascent: da.Ascent, count: int) -> None:
    """Iterate over an ascent, and break off after `count` steps."""
    assert len(list(islice(ascent, count))) == count
