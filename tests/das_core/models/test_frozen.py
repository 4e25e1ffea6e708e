"""Models that judge, before and after: nothing of a user's own model is changed by any call that takes it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import direct_ascent as da
from cases import each_case
from das_core import facade
from das_core.models.classifier import build_classifier
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.frozen import evaluating, freeze, freeze_copy
from toys import SPEC, VIEWS, count_batch_norms
from untrained import HALF

FEW = da.Recipe(augmentation=VIEWS)
PHOTO = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def own_model() -> nn.Sequential:
    """A model as a user has it, with everything that judging could change."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.SiLU(inplace=True),
        nn.Dropout(),
        nn.Sequential(nn.Conv2d(4, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 5),
    )


def describe(module: nn.Module) -> list[Any]:
    """Everything that can be told of a module: parts, modes, settings, and the bits of weights, buffers, gradients."""
    parts = [
        (name, type(part), part.training, part.extra_repr(), len(part._forward_hooks), len(part._forward_pre_hooks))
        for name, part in module.named_modules()
    ]
    tensors = [
        (name, id(value), value.requires_grad, value.dtype, value.stride(), value.tolist(), value.grad)
        for name, value in (*module.named_parameters(), *module.named_buffers())
    ]
    return [*parts, *((*told, grad if grad is None else grad.tolist()) for *told, grad in tensors)]


def judge_of(module: nn.Module) -> da.Judge:
    return da.Judge("own", module, 32, HALF, HALF)


def climb_a_function_of_views(module: nn.Module) -> None:
    weight = module.get_parameter("0.weight")
    own = da.of_views(lambda views: views.flatten(1).mean(dim=1) * weight.float().mean())
    da.Ascent(da.ImageStack.gray(SPEC), own.on(judge_of(module)), VIEWS, steps=1).run()


def wrapped(module: nn.Module) -> da.Judge:
    return facade.wrap(module, size=32, mean=HALF, std=HALF)


def render(module: nn.Module | da.Judge, wish: Any, **settings: Any) -> facade.Rendering:
    judge = module if isinstance(module, da.Judge) else wrapped(module)
    return facade.render(judge, wish, size=32, steps=1, recipe=FEW, progress=False, **settings)


def render_layers(module: nn.Module) -> None:
    # Of a copy, and of the model itself.
    for judge in (wrapped(module), judge_of(module)):
        render(judge, "4.0:1", start=PHOTO, within=8 / 255)
    render(judge_of(module), da.channels("0", range(2)) + 0.5 * da.diversity("0"), start=PHOTO)


def render_a_style(module: nn.Module) -> None:
    judge = judge_of(module)
    wish = [da.content(PHOTO, "0").on(judge), da.style(PHOTO, "0").on(judge), da.neuron("4.0", 1)]
    render(judge, wish, start=PHOTO)


def climb_parts_and_ensembles(module: nn.Module) -> None:
    whole = build_classifier("own", freeze_copy("own", module), 32, HALF, HALF)
    da.classify(whole, torch.rand(1, 3, 40, 40))
    other = build_classifier("other", freeze_copy("other", module), 32, HALF, HALF)
    pair = ClassifierEnsemble.from_members([whole, other])
    render(pair, da.classes(1).on(pair))
    render(whole, da.classes(1).on(replace(whole, module=module)))


def fail(module: nn.Module) -> None:
    with pytest.raises(ValueError, match="fails on colour images of 1 x 1"):
        build_classifier("own", freeze_copy("own", module), 1, HALF, HALF)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        judge_of(nn.Sequential(module, nn.Linear(1, 1)))(torch.rand(2, 3, 32, 32))
    for wish, says in ((99, "class index 99 is out of range"), ("4.0:99", "channel 99 is out of range")):
        with pytest.raises(ValueError, match=says):
            render(module, wish)
    with pytest.raises(ValueError, match="there is no device 'gpu' here"):
        render(module, 1, device="gpu")
    with pytest.raises(ZeroDivisionError):
        render(judge_of(module), "0:1", start=PHOTO, callback=lambda step: 1 / 0)


@each_case(
    "call",
    lambda module: render(module, da.classes(1)),
    render_layers,
    render_a_style,
    climb_parts_and_ensembles,
    fail,
    climb_a_function_of_views,
    lambda module: da.find_layers(judge_of(module)),
    lambda module: judge_of(module).with_precision(torch.float16),
)
@each_case("dtype", torch.float32, torch.bfloat16, torch.float64)
def test_a_model_is_afterwards_what_it_was(call: Callable[[nn.Module], object], dtype: torch.dtype) -> None:
    module = own_model().to(dtype)
    drawn = Random(str(dtype))
    for part in module.modules():
        part.training = drawn.random() < 0.5
    for weight in module.parameters():
        weight.requires_grad_(drawn.random() < 0.5)
        weight.grad = torch.ones_like(weight) if drawn.random() < 0.5 else None
    before = describe(module)
    call(module)
    assert describe(module) == before


def test_a_model_that_still_trains_judges_as_it_would_in_evaluation_mode() -> None:
    module = own_model()
    views = torch.rand(2, 3, 32, 32)
    frozen = judge_of(freeze(deepcopy(module)))
    module.train()
    torch.testing.assert_close(judge_of(module)(views), frozen(views))


def test_gradients_reach_the_views_after_the_block() -> None:
    module = own_model()
    views = torch.rand(2, 3, 32, 32).requires_grad_()
    with evaluating(module):
        answer = module(views)
    answer.sum().backward()
    assert views.grad is not None
    assert all(weight.grad is None for weight in module.parameters())


def test_a_copy_keeps_its_precision_and_without_one_the_model_itself_is_frozen() -> None:
    module = own_model().half()
    assert freeze_copy("own", module).get_parameter("0.weight").dtype == torch.float16
    made = build_classifier("own", module, 32, HALF, HALF)
    assert made.module is module
    assert made.dtype == torch.float32


def test_a_model_that_cannot_be_copied_is_refused_and_can_be_frozen_in_place() -> None:
    class Kept(nn.Flatten):
        """It keeps its last output, which is part of a graph."""

        def forward(self, x: Tensor) -> Tensor:
            self.last = super().forward(x)
            return self.last

    module = nn.Sequential(nn.Conv2d(3, 2, 8), Kept())
    module(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"own cannot be copied \(.*\): load it anew.* build_classifier, which"):
        freeze_copy("own", module)
    assert build_classifier("own", module, 8, HALF, HALF).module is module


def test_freeze_evaluates_and_takes_no_gradients() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 4, 1))
    frozen = freeze(module, torch.bfloat16)
    assert not any(part.training for part in frozen.modules())
    assert {(weight.requires_grad, weight.dtype) for weight in frozen.parameters()} == {(False, torch.bfloat16)}
    assert frozen.get_parameter("0.weight").is_contiguous(memory_format=torch.channels_last)
    assert count_batch_norms(frozen) == 0


def test_a_copy_made_in_inference_mode_meets_autograd() -> None:
    module = own_model()
    with torch.inference_mode():
        made = build_classifier("own", freeze_copy("own", module), 32, HALF, HALF)
    assert not any(weight.is_inference() for weight in made.module.parameters())
    views = torch.rand(2, 3, 32, 32).requires_grad_()
    made(views).sum().backward()
    assert views.grad is not None
