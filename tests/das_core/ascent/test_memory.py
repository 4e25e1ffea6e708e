"""Memory: the estimate of an ascent against what its tensors take, and what is done when it runs out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.memory import estimate_ascent_bytes, is_out_of_memory
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.plan import make_plan
from toys import SPEC, VIEWS, classifier, climb, judge, output_objective, toy_class

WIDE = da.views.Augmentation(4, da.views.Windows(16))
ASCENT, HEAVY = da.ascent.NormalizedAscent(), da.ascent.SGD(momentum=0.9)


def estimate(stack: da.ImageStack, asked: da.Objective | Sequence[da.Objective], *more: Any, **named: Any) -> int:
    groups = make_plan(asked, stack.spec, stack.batch).groups if asked else ()
    return estimate_ascent_bytes(stack.spec, stack.batch, groups, *more, **named)


@each_case(
    ("batch", "spec", "optimizer"),
    # Levels of this test alone, so that no operator of another test is taken from the cache.
    *((2, da.StackSpec(96, 96, 16, (*range(1, 96, 5), 127)), one) for one in (ASCENT, da.ascent.Adam())),
    *((2, da.StackSpec(96, 96, 16, (*range(1, 96, 5), 126), method="layers"), one) for one in (ASCENT, HEAVY)),
    *((1, da.StackSpec(64, 64, 16, (*range(1, 64, 5), 95), time=da.stack.Time(frames)), HEAVY) for frames in (3, 30)),
    (1, da.StackSpec(64, 64, 16, (*range(1, 64, 5), 94), time=da.stack.Time(30)), da.ascent.NormalizedAscent()),
    *(
        (2, da.StackSpec(96, 96, 16, (*range(1, 96, 5), 125), look=look), ASCENT)
        for look in (da.looks.Paint(), da.looks.Glass())
    ),
)
def test_the_estimate_is_within_a_factor_of_two(batch: int, spec: da.StackSpec, optimizer: Optimizer) -> None:
    objective = [toy_class()]
    with PeakBytes() as made:
        stack = da.ImageStack.gray(spec, batch)
        da.Ascent(stack, objective, WIDE, steps=2, optimizer=optimizer, chunk=4).run()
    said = estimate(stack, objective, optimizer, 4)
    assert made.peak / 2 < said < 2 * made.peak


def test_levels_matrices_groups_views_and_their_transforms_count() -> None:
    plain, two = [toy_class()], [toy_class(), da.prior("total_variation")]
    stack, matrices = (da.ImageStack.gray(da.StackSpec(96, 64, 8, method=method)) for method in ("spectral", "layers"))
    least = estimate(stack, plain)
    assert least < min(estimate(stack, two), estimate(stack, plain, chunk=2), estimate(matrices, plain))
    assert estimate(matrices, plain, da.ascent.SGD()) < estimate(stack, plain, da.ascent.Adam())
    assert estimate(stack, []) > 10 * stack.canvas.numel() * torch.float32.itemsize
    # Where images are compared, a view of each is there at once.
    model, images = classifier(), da.ImageStack.gray(da.StackSpec(64, 64, 8), 5)
    alone, apart = da.feature("2", "channel", 3).on(model), da.diversity("2").on(model)
    for chunk in (1, 5, 6):
        assert estimate(images, [apart], chunk=chunk) == estimate(images, [alone], chunk=max(chunk, 5))
    bare, said = (estimate(stack, plain, None, 64, noise) for noise in ([], [da.views.Noise()] * 20))
    assert said - bare == pytest.approx(64 * 20 * da.views.Noise.kept_views * 4 * 3 * classifier().size ** 2, rel=1e-3)


def test_memory_grows_with_the_batch_and_the_canvas_but_not_with_the_levels() -> None:
    spec = da.StackSpec(64, 32, 8)
    one, two, three = (estimate_ascent_bytes(spec, batch) for batch in (1, 2, 3))
    assert two - one == three - two
    # At least start, canvas, picture, gradient and momentum of every further image, in float32.
    assert two - one >= 5 * 4 * 3 * 48 * 80
    assert estimate_ascent_bytes(replace(spec, levels=(1, 4)), 1) == one
    assert estimate_ascent_bytes(da.StackSpec(144, 80, 8), 1) == 4 * one
    picture = da.StackSpec(64, 64, 8)
    film = replace(picture, time=da.stack.Time(100))
    more = estimate_ascent_bytes(film, 100) - estimate_ascent_bytes(picture, 100)
    assert more == film.operator_bytes() - picture.operator_bytes() > 0


CPU_ERROR = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"
MPS_ERROR = (
    "MPS backend out of memory (MPS allocated: 5.50 GiB, other allocations: 14.76 GiB, max allowed: 20.40 GiB). Tried "
    "to allocate 147.24 MiB on private pool."
)


def test_errors_of_memory_are_told_from_others() -> None:
    # More than any address space, so that no machine grants it.
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.int8)
    texts = (CPU_ERROR, MPS_ERROR, "CUDA error: out of memory", "Invalid buffer size: 19.45 GiB")
    plain = [RuntimeError(text) for text in texts]
    for error in (caught.value, torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), *plain):
        assert is_out_of_memory(error), error
    for error in (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("DefaultCPUAllocator")):
        assert not is_out_of_memory(error), error


class Tight(nn.Module):
    """A network that raises an error when it gets more than a number of views."""

    def __init__(self, error: Exception, network: nn.Module, most: int) -> None:
        super().__init__()
        self.error, self.network, self.most, self.sizes = error, network, most, list[int]()

    def forward(self, views: Tensor) -> Tensor:
        self.sizes.append(len(views))
        if len(views) > self.most:
            raise self.error
        output: Tensor = self.network(views)
        return output


@each_case("error", torch.OutOfMemoryError("out of memory"), RuntimeError(MPS_ERROR))
def test_chunk_is_halved_when_memory_runs_out(error: Exception) -> None:
    network = classifier()
    tight = Tight(error, network.module, 3)
    asked = da.classes(((3, 1.0),), "logit").on(replace(network, module=tight))
    ascent = da.Ascent(da.ImageStack.gray(SPEC), [asked], VIEWS, steps=2)
    image = ascent.run().image
    assert tight.sizes[0] == 4
    assert max(tight.sizes[1:]) == ascent.chunk == 2
    torch.testing.assert_close(image, climb(steps=2).image, rtol=0, atol=1e-4)


SAYS = "memory ran out at step {step}, with one view at a time: make the picture or the batch smaller"


@each_case(
    ("error", "raised", "says"),
    (torch.OutOfMemoryError("out"), torch.OutOfMemoryError, SAYS),
    (MemoryError(), torch.OutOfMemoryError, SAYS),
    # Another error is not taken for memory.
    (RuntimeError("shapes do not match"), RuntimeError, "shapes do not match"),
)
def test_an_error_even_of_a_single_view_is_raised(error: Exception, raised: type[Exception], says: str) -> None:
    asked = [output_objective(judge(Tight(error, nn.Identity(), 0)))]
    # A stack that has taken steps before counts on, as the other errors of a step do.
    for stack in (da.ImageStack.gray(SPEC), climb(steps=2).stack):
        with pytest.raises(raised, match=says.format(step=stack.steps + 1)):
            next(iter(da.Ascent(stack, asked, VIEWS)))


def test_where_images_are_compared_there_are_as_many_views_as_images() -> None:
    network = classifier()
    tight = Tight(MemoryError(), network.module, 99)
    apart = da.diversity("network.0").on(replace(network, module=tight))
    tight.most = 0
    with pytest.raises(torch.OutOfMemoryError, match="at step 1, with 2 views at a time"):
        da.Ascent(da.ImageStack.gray(SPEC, 2), apart, VIEWS).run()
