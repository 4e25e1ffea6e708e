"""Errors that mean that memory has run out, as PyTorch raises them, and what an ascent does then."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.out_of_memory import DenoiserMemoryError, is_out_of_memory
from das_core.objectives.classes import class_objective
from das_core.objectives.diversity import diversity_objective
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, classifier, climb, judge, output_objective, toy_class

CPU_ERROR = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"
MPS_ERROR = (
    "MPS backend out of memory (MPS allocated: 5.50 GiB, other allocations: 14.76 GiB, max allowed: 20.40 GiB). Tried "
    "to allocate 147.24 MiB on private pool."
)


def test_what_pytorch_raises_on_a_cpu_is_told_by_its_text() -> None:
    # More than any address space, so that no machine grants it.
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.int8)
    assert is_out_of_memory(caught.value)


@each_case(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (DenoiserMemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 12 bytes."), True),
        (RuntimeError(MPS_ERROR), True),
        (RuntimeError("Invalid buffer size: 19.45 GiB"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("DefaultCPUAllocator"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


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


@each_case("error", [torch.OutOfMemoryError("out of memory"), RuntimeError(MPS_ERROR)])
def test_chunk_is_halved_when_memory_runs_out(error: Exception) -> None:
    network = classifier()
    tight = Tight(error, network.module, 3)
    asked = class_objective(replace(network, module=tight), ((3, 1.0),), "logit")
    ascent = Ascent(ImageStack.gray(SPEC), [asked], VIEWS, steps=2)
    image = ascent.run().image
    assert tight.sizes[0] == 4
    assert max(tight.sizes[1:]) == ascent.chunk == 2
    torch.testing.assert_close(image, climb(steps=2).image, rtol=0, atol=1e-4)


SAYS = "memory ran out at step {step}, with one view at a time: make the picture or the batch smaller"


@each_case(
    ("error", "raised", "says"),
    [
        (torch.OutOfMemoryError("out"), torch.OutOfMemoryError, SAYS),
        (RuntimeError(CPU_ERROR), torch.OutOfMemoryError, SAYS),
        (MemoryError(), torch.OutOfMemoryError, SAYS),
        # Another error is not taken for memory.
        (RuntimeError("shapes do not match"), RuntimeError, "shapes do not match"),
    ],
)
def test_an_error_that_a_single_view_does_not_help_against_is_raised(
    error: Exception, raised: type[Exception], says: str
) -> None:
    asked = [output_objective(judge(Tight(error, nn.Identity(), 0)))]
    # A stack that has taken steps before counts on, as the other errors of a step do.
    for stack in (ImageStack.gray(SPEC), climb(steps=2).stack):
        with pytest.raises(raised, match=says.format(step=stack.steps + 1)):
            next(iter(Ascent(stack, asked, VIEWS)))


def test_where_images_are_compared_there_are_as_many_views_as_images() -> None:
    network = classifier()
    tight = replace(network, module=Tight(MemoryError(), network.module, 0))
    with pytest.raises(torch.OutOfMemoryError, match="at step 1, with 2 views at a time"):
        Ascent(ImageStack.gray(SPEC, 2), diversity_objective(tight, "network.0"), VIEWS).run()


@dataclass(frozen=True)
class Greedy(NormalizedAscent):
    """An optimizer that finds no memory the first few times."""

    failures: list[int] = field(default_factory=list)

    def step(self, *arguments: Any, **more: Any) -> ImageStack:
        if self.failures and self.failures.pop():
            raise RuntimeError(CPU_ERROR)
        return super().step(*arguments, **more)


def test_a_step_is_done_again_when_the_optimizer_runs_out_of_memory() -> None:
    ascent = Ascent(ImageStack.gray(SPEC), [toy_class()], VIEWS, steps=2, optimizer=Greedy(failures=[1, 1]))
    result = ascent.run()
    assert ascent.chunk == 1
    assert [record.step for record in result.history] == [0, 1]
    torch.testing.assert_close(result.image, climb(steps=2, chunk=1).image)
