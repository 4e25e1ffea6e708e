"""Errors that mean that memory has run out, as PyTorch raises them, and what an ascent does then."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import das_core as da
from cases import each_case
from das_core.ascent.out_of_memory import is_out_of_memory
from toys import SPEC, VIEWS, classifier, climb, judge, output_objective

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


@each_case("error", [torch.OutOfMemoryError("out of memory"), RuntimeError(MPS_ERROR)])
def test_chunk_is_halved_when_memory_runs_out(error: Exception) -> None:
    network = classifier()
    tight = Tight(error, network.module, 3)
    asked = da.class_objective(replace(network, module=tight), ((3, 1.0),), "logit")
    ascent = da.Ascent(da.ImageStack.gray(SPEC), [asked], VIEWS, steps=2)
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
    for stack in (da.ImageStack.gray(SPEC), climb(steps=2).stack):
        with pytest.raises(raised, match=says.format(step=stack.steps + 1)):
            next(iter(da.Ascent(stack, asked, VIEWS)))


def test_where_images_are_compared_there_are_as_many_views_as_images() -> None:
    network = classifier()
    tight = Tight(MemoryError(), network.module, 99)
    apart = da.diversity_objective(replace(network, module=tight), "network.0")
    tight.most = 0
    with pytest.raises(torch.OutOfMemoryError, match="at step 1, with 2 views at a time"):
        da.Ascent(da.ImageStack.gray(SPEC, 2), apart, VIEWS).run()
