"""Outputs of layers as hooks report them, and a module that is afterwards what it was before."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from das_core.models.frozen import copy_with, freeze
from das_core.models.layers.hooks import capture_outputs
from stand_in_device import DEVICE, stand_in_device
from stops import Stop, StopError
from toys import classifier, count_hooks, random_views


class Parts(nn.Module):
    """A module whose parts give outputs of several kinds; the first of them runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.several, self.listed, self.empty = (nn.Identity() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        self.several((x, x + 1))
        self.listed([x + 2, x])
        self.empty(())
        return self.twice(self.twice(x) * 2)


def test_every_run_of_a_layer_is_reported_in_the_order_of_the_runs() -> None:
    module, heard = Parts(), list[tuple[str, Any]]()
    x = torch.arange(3.0)
    with capture_outputs(module, ["twice", "several", "listed", "empty"], lambda *one: heard.append(one)):
        output = module(x)
    assert [name for name, _ in heard] == ["several", "listed", "empty", "twice", "twice"]
    reported = [value for _, value in heard]
    assert reported[0] is x, "of several parts the first"
    assert torch.equal(reported[1], x + 2)
    assert reported[2] == ()
    assert torch.equal(reported[3], x)
    assert torch.equal(reported[4], x * 2)
    assert torch.equal(output, x * 2)


def test_only_the_named_layers_are_reported_and_the_output_stays() -> None:
    module, heard = classifier().module, dict[str, Tensor]()
    views = random_views(32, 2)
    expected = module(views)
    with capture_outputs(module, ["3", "0"], heard.__setitem__):
        assert torch.equal(module(views), expected)
    assert list(heard) == ["0", "3"]
    assert torch.equal(heard["3"], module[:4](views))  # type: ignore[index]


def test_hooks_are_there_for_the_block_only_even_if_it_ends_or_does_not_begin_for_an_error() -> None:
    module = classifier().module
    with capture_outputs(module, ["0", "3"], lambda *_: None):
        assert count_hooks(module) == 2
    assert count_hooks(module) == 0
    with pytest.raises(StopError), capture_outputs(module, ["0", "3"], lambda *_: Stop(1)()):
        module(random_views(32))
    assert count_hooks(module) == 0
    with pytest.raises(AttributeError, match="9"), capture_outputs(module, ["0", "9"], lambda *_: None):
        pytest.fail("the block has run")
    assert count_hooks(module) == 0


def test_the_weights_of_an_unfolded_convolution_are_sent_to_the_device_once() -> None:
    module = freeze(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    with stand_in_device() as traffic:
        there, views = copy_with(module, lambda weight: weight.to(DEVICE)), random_views(8).to(DEVICE)
        with capture_outputs(there, ["0"], lambda *_: None), torch.no_grad():
            there(views)
            traffic.clear()
            there(views)
    assert traffic.operators > 0
    assert traffic.sends == []
