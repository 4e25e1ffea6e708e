"""Judges that answer with the activations of their layers."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import pairwise

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from cases import each_case
from das_core.models.frozen import freeze
from das_core.models.layers.activations import ActivationJudge, make_activation_judge, merge_judges
from das_core.models.layers.layer import UnknownLayerError, find_layers
from toys import classifier, judge, random_views


def test_activations_and_their_gradients_are_those_of_the_model_cut_off_there() -> None:
    toy = classifier()
    captured = make_activation_judge(toy, ["1", "4"])
    views = random_views(32, 2).requires_grad_()
    activations = captured(views)
    assert set(activations.values) == {"1", "4"}
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


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownLayerError, match="layer '9' is not in toy"):
        make_activation_judge(classifier(), ["0", "9"])


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


@each_case(
    "build",
    [
        torchvision.models.resnet18,
        partial(timm.create_model, "resnet18"),
        partial(timm.create_model, "tf_efficientnet_lite0"),
        partial(timm.create_model, "vit_tiny_patch16_224", img_size=64),
    ],
)
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
            torch.testing.assert_close(
                found[layer.name] / wanted.abs().max(), wanted / wanted.abs().max(), rtol=0, atol=2e-5
            )


@each_case("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_folded_convolution_and_its_gradient_are_those_of_the_model_in_any_precision(dtype: torch.dtype) -> None:
    model = with_random_norms(torchvision.models.resnet18)
    frozen = judge(freeze(deepcopy(model)), size=64).with_precision(dtype)
    views = random_views(64, 2).requires_grad_()
    found = make_activation_judge(frozen, ["conv1"])(views)["conv1"]
    expected = model.get_submodule("conv1")(views)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    gradient, wanted = (torch.autograd.grad(output.square().mean(), views)[0] for output in (found, expected))
    assert float((gradient - wanted).norm() / wanted.norm()) < 0.05
