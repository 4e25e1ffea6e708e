"""For tests of interrupted ascents: an ascent whose steps all differ, a way to do some of them, an exact comparison."""

from itertools import islice, product

import torch

from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.result import Result
from das_core.ascent.sgd import SGD
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, toy_class

STEADY: list[Optimizer] = [NormalizedAscent(0.05, 0.5, 0.0, 0.0), SGD(0.5, 0.9), Adam()]
"""Optimizers with momentum, whose first steps are like their last."""

FORMS = list(product(STEADY, ["spectral", "layers"]))
"""These optimizers with the methods of a stack."""


def assert_same(one: Result, other: Result) -> None:
    """Check that two results are equal bit for bit, including the state from which a next ascent would continue."""
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.importance, other.importance)
    assert one.history == other.history
    assert one.stack.steps == other.stack.steps
    assert torch.equal(one.stack.canvas, other.stack.canvas)
    for name in ("parameters", "optimizer_state"):
        mine, yours = getattr(one.stack, name), getattr(other.stack, name)
        assert (mine is None) == (yours is None)
        assert mine is None or all(torch.equal(a, b) for a, b in zip(mine.tensors, yours.tensors, strict=True))


def start_ascent(optimizer: Optimizer | None = None, steps: int = 5) -> Ascent:
    """Return an ascent whose result depends on which steps are done."""
    stack, objectives, denoising = ImageStack.noise(SPEC, 2), [toy_class()], Denoising(strength=0.1)
    return Ascent(stack, objectives, VIEWS, steps=steps, optimizer=optimizer, seed=3, denoising=denoising)


def do_steps(ascent: Ascent, count: int) -> None:
    """Iterate over an ascent, and break off after `count` steps."""
    assert len(list(islice(ascent, count))) == count
