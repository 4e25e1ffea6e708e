import gc
import threading
import weakref

import pytest
import torch
from torch import Tensor, nn

from das_core.common.interruption import (
    allow_interrupt,
    interruptible,
    interruptible_backward,
    interruptible_building,
    is_cancellation,
    pausing,
)
from stops import Stop, StopError, count_looks


def test_without_a_block_and_in_other_threads_nothing_is_ended() -> None:
    allow_interrupt()
    assert list(pausing([1, 2])) == [1, 2]
    assert nn.Identity()(3) == 3
    done = []
    with interruptible(Stop(1)):
        thread = threading.Thread(target=lambda: done.append(nn.Identity()(1)))
        thread.start()
        thread.join()
    assert done == [1]


def test_what_is_raised_comes_out_and_the_block_around_counts_again() -> None:
    outer, inner = Stop(), Stop(2)
    with interruptible(outer):
        allow_interrupt()
        with pytest.raises(StopError), interruptible(inner):
            for _ in pausing(range(5)):
                pass
        allow_interrupt()
    allow_interrupt()
    assert (outer.calls, inner.calls) == (2, 2)


def test_every_layer_of_a_model_can_end_the_run_and_no_hook_is_left() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    assert count_looks(lambda: model(torch.ones(1, 2))) == 5
    with pytest.raises(StopError), interruptible(Stop(3)):
        model(torch.ones(1, 2))
    assert not torch.nn.modules.module._global_forward_pre_hooks


def climb(model: nn.Module, views: Tensor) -> Tensor:
    leaf = views.clone().requires_grad_()
    with interruptible_backward(torch.device("cpu")):
        loss = model(leaf).square().sum()
    return torch.autograd.grad(loss, leaf)[0]


def test_a_backward_pass_ends_between_its_layers_and_its_gradient_keeps_its_bits() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.GELU(), nn.Flatten(), nn.LayerNorm(16))
    views = torch.rand(1, 3, 6, 6)
    plain = climb(model, views)
    stop = Stop()
    with interruptible(stop):
        assert torch.equal(climb(model, views), plain)
    forward = len(list(model.modules()))
    assert stop.calls >= forward + 6
    with pytest.raises(StopError), interruptible(Stop(forward + 3)):
        climb(model, views)


def test_a_model_is_not_built_to_its_end_and_weights_that_a_memory_manager_puts_in_place_are_not_looked_at() -> None:
    built: list[nn.Module] = []
    with pytest.raises(StopError), interruptible(Stop(4)), interruptible_building():
        built.extend(nn.Linear(4, 4) for _ in range(9))
    assert len(built) == 1
    with interruptible(Stop(1)):
        nn.Linear(4, 4).weight = nn.Parameter(torch.ones(4, 4))


def test_a_cancellation_is_told_from_other_errors() -> None:
    with interruptible(Stop(1)):
        with pytest.raises(StopError) as caught:
            allow_interrupt()
        assert is_cancellation(caught.value)
        assert not is_cancellation(StopError())
    # An error that is kept would keep the tensors of the run that it ended.
    assert not is_cancellation(caught.value)


def test_a_graph_is_freed_without_a_search_for_circles_and_what_was_changed_in_place_is_refused() -> None:
    gc.disable()
    try:
        with interruptible(Stop()), interruptible_backward(torch.device("cpu")):
            made = torch.ones(3, requires_grad=True).tanh().exp()
        kept = weakref.ref(made)
        del made
        assert kept() is None
    finally:
        gc.enable()
    with interruptible(Stop()), interruptible_backward(torch.device("cpu")):
        values = torch.ones(3, requires_grad=True).exp()
        values.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            values.sum().backward()
