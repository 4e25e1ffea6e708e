"""Judges that answer with the activations of their layers, and the hooks that report these."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from cases import each_case
from das_core.models.frozen import copy_with, freeze
from das_core.models.layers.activations import VIEWS, ActivationJudge, make_activation_judge, merge_judges
from das_core.models.layers.hooks import capture_outputs
from das_core.models.layers.layer import find_layers
from stand_in_device import DEVICE, stand_in_device
from stops import Stop, StopError
from toys import classifier, count_hooks, judge, random_views


def test_activations_and_their_gradients_are_those_of_the_model_cut_off_there() -> None:
    toy = classifier()
    captured = make_activation_judge(toy, ["1", "4"])
    views = random_views(32, 2).requires_grad_()
    activations = captured(views)
    assert set(activations.values) == {VIEWS, "1", "4"}
    for name in ("1", "4"):
        shown = views.detach().clone().requires_grad_()
        # The toy takes mean and deviation of one half.
        expected = toy.module[: int(name) + 1]((shown - 0.5) / 0.5)  # type: ignore[index]
        torch.testing.assert_close(activations[name], expected)
        gradient = torch.autograd.grad(activations[name].square().sum(), views, retain_graph=True)[0]
        torch.testing.assert_close(gradient, torch.autograd.grad(expected.square().sum(), shown)[0])


def test_a_layer_that_is_named_twice_is_captured_once() -> None:
    toy = classifier()
    layers = find_layers(toy)
    assert make_activation_judge(toy, [layers[2], layers[0], layers[2]]).layers == (layers[2], layers[0])
    assert make_activation_judge(toy, [" 2", "0", "2"]).layers == (layers[2], layers[0])


def test_a_layer_that_runs_twice_tells_its_last_output_even_if_that_is_overwritten() -> None:
    class Overwritten(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.after = nn.Identity(), nn.ReLU(inplace=True)

        def forward(self, views: Tensor) -> Tensor:
            return self.after(self.act(self.act(views) - 0.5))

    seen = judge(Overwritten())
    (act, _) = find_layers(seen)
    assert act.calls == 2
    views = random_views(16, 2).requires_grad_()
    found = make_activation_judge(seen, [act])(views)["act"]
    torch.testing.assert_close(found, views - 0.5)
    assert torch.equal(torch.autograd.grad(found.sum(), views)[0], torch.ones_like(views))


def test_nothing_runs_after_the_last_layer_that_is_watched() -> None:
    toy = classifier()
    ran: list[str] = []
    toy.module.get_submodule("4").register_forward_hook(lambda *_: ran.append("4"))
    early = make_activation_judge(toy, ["1"])
    ran.clear()
    early(random_views(32))
    assert not ran


def test_joined_judges_share_the_module_and_watch_what_any_of_them_watches_in_any_order() -> None:
    toy = classifier()
    judges = [make_activation_judge(toy, pair) for pair in pairwise("2310")]
    both = merge_judges(judges)
    assert isinstance(both, ActivationJudge)
    assert both.module is toy.module
    assert [layer.name for layer in both.layers] == ["2", "3", "1", "0"]
    views = random_views(32, 2)
    output = both(views)
    for name in "0123":
        assert torch.equal(output[name], make_activation_judge(toy, [name])(views)[name])
    assert merge_judges([toy, toy]) is toy


def with_random_norms(build: Callable[[], nn.Module]) -> nn.Module:
    """A module in evaluation mode whose norms have gammas of both signs, one of them 0."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build().eval()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
                part.weight.data[0] = 0
                part.running_mean.normal_()  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return module


LITE0 = partial(timm.create_model, "tf_efficientnet_lite0")
TINY = partial(timm.create_model, "vit_tiny_patch16_224", img_size=64)


@each_case("build", torchvision.models.resnet18, LITE0, TINY)
def test_every_layer_answers_what_it_answers_in_the_model(build: Callable[[], nn.Module]) -> None:
    model = with_random_norms(build)
    expected: dict[str, Tensor] = {}

    def keep(name: str, _: nn.Module, __: object, output: object) -> None:
        if isinstance(output, Tensor):
            expected[name] = output.clone()

    frozen = judge(freeze(deepcopy(model)), size=64)
    for name, part in model.named_modules():
        if name:
            part.register_forward_hook(partial(keep, name))
    views = random_views(64, 2)
    with torch.no_grad():
        model(views)
        layers = find_layers(frozen)
        found = make_activation_judge(frozen, layers)(views)
    assert {layer.name for layer in layers if "#" not in layer.name} == expected.keys()
    for layer in layers:
        if layer.name in expected:
            wanted = expected[layer.name].permute(layer.order)
            torch.testing.assert_close(found[layer.name], wanted, rtol=0, atol=2e-5 * float(wanted.abs().max()))


@each_case("dtype", torch.float32, torch.bfloat16, torch.float16)
def test_a_folded_convolution_and_its_gradient_are_those_of_the_model_in_any_precision(dtype: torch.dtype) -> None:
    model = with_random_norms(torchvision.models.resnet18)
    frozen = judge(freeze(deepcopy(model)), size=64).with_precision(dtype)
    views = random_views(64, 2).requires_grad_()
    found = make_activation_judge(frozen, ["conv1"])(views)["conv1"]
    expected = model.get_submodule("conv1")(views)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    gradient, wanted = (torch.autograd.grad(output.square().mean(), views)[0] for output in (found, expected))
    assert float((gradient - wanted).norm() / wanted.norm()) < 0.05


class Parts(nn.Module):
    """A module whose parts give outputs of several kinds; the first of them runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.several, self.listed, self.empty, self.other = (nn.Identity() for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        self.several((x, x + 1))
        self.listed([x + 2, self.other(x)])
        self.empty(())
        return self.twice(self.twice(x) * 2)


def test_every_run_of_a_named_layer_is_reported_in_the_order_of_the_runs_and_the_output_stays() -> None:
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
