import gc
import weakref
from dataclasses import replace

import pytest
import torch

from cases import each_case
from das_core.ascent.ascent import Ascent
from das_core.common.devices import find_device, keep_copy, make_constant, send_to_device
from das_core.stack.image_stack import ImageStack
from stand_in_device import DEVICE, stand_in_device
from toys import SPEC, classifier, toy_class

CPU = torch.device("cpu")


def test_a_constant_is_sent_once_for_each_type_and_device() -> None:
    whole, real = (make_constant((1, 2), dtype, CPU) for dtype in (torch.int64, torch.float32))
    assert (whole.dtype, real.dtype) == (torch.int64, torch.float32)
    with stand_in_device() as traffic:
        made = [make_constant((1, 2), torch.float32, DEVICE) for _ in range(3)]
        assert len(traffic.sends) == 1
        assert made[2].device == DEVICE
        assert made[2].tolist() == [1, 2]


def test_a_copy_is_sent_once_in_the_type_that_it_gets_and_goes_with_its_tensor() -> None:
    matrix = torch.eye(3, dtype=torch.float64)
    with stand_in_device() as traffic:
        copies = [keep_copy(matrix, torch.zeros(2, device=DEVICE)) for _ in range(3)]
        assert len(traffic.sends) == 1
        assert not traffic.lacking
        assert copies[2].tolist() == matrix.tolist()
        assert copies[2].dtype == torch.float32
    copy = weakref.ref(keep_copy(matrix, torch.zeros(1)))
    gc.collect()
    assert copy() is not None
    del matrix
    gc.collect()
    assert copy() is None


def test_a_tensor_of_the_right_type_needs_no_copy_and_two_with_the_same_numbers_share_none() -> None:
    matrix = torch.eye(3)
    assert keep_copy(matrix, torch.zeros(1)) is matrix
    first, second = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    with torch.inference_mode():
        copy = keep_copy(first, torch.zeros(1))
    assert not copy.is_inference()
    assert copy is not keep_copy(second, torch.zeros(1))


def test_only_cuda_is_not_waited_for() -> None:
    asked = []

    class Sent:
        def to(self, device: torch.device, *, non_blocking: bool) -> None:
            asked.append((device.type, non_blocking))

    for name in ("cuda", "mps", "xpu", "cpu"):
        send_to_device(Sent(), torch.device(name))  # type: ignore[arg-type]
    assert asked == [("cuda", True), ("mps", False), ("xpu", False), ("cpu", False)]


@each_case("name", "gpu", "cuda:99", "")
def test_a_device_that_is_not_here_is_named_wherever_one_is_chosen(name: str) -> None:
    stack = ImageStack.gray(SPEC)
    for choose in (find_device, classifier().to, stack.to, lambda name: Ascent(stack, toy_class(), device=name)):
        with pytest.raises(ValueError, match=rf"^there is no device '{name}' here \(.+\); choose cpu"):
            choose(name)


def test_a_device_that_is_here_is_found_by_name_or_as_it_is_under_the_name_that_its_tensors_have() -> None:
    assert find_device("cpu") == find_device(CPU) == CPU
    # On a CPU the name without a number is the one of the tensors, on CUDA the one with a number (tests/cuda).
    assert torch.device("cpu:0") != torch.zeros(1).device
    assert find_device("cpu:0") == torch.zeros(1).device
    judge = replace(classifier(), owner=object())
    assert judge.to("cpu:0") is judge
