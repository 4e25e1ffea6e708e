"""Models that judge, before and after: nothing of a user's own model is changed by any call that takes it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import direct_ascent as da
from das_core.ascent.guidance import Guidance
from das_core.ascent.loop import Ascent
from das_core.ascent.pace import pace_at_noise
from das_core.ascent.recipe import Recipe
from das_core.facade.function_scores import of_views
from das_core.models.classifier import build_classifier
from das_core.models.ensemble import ClassifierEnsemble
from das_core.models.frozen import evaluating, freeze, freeze_copy
from das_core.models.judge import Judge
from das_core.models.layers.layer import find_layers
from das_core.models.partial_classifier import make_partial_classifier
from das_core.objectives.classes import class_objective
from das_core.objectives.feature import feature_objective
from das_core.report.objective_scores import score_images
from das_core.report.verdict import classify
from das_core.stack.image_stack import ImageStack
from toys import SPEC, VIEWS, count_batch_norms, output_objective

HALF = (0.5, 0.5, 0.5)
FEW = Recipe(augmentation=VIEWS)
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
    said: list[Any] = []
    for name, part in module.named_modules():
        said.append((name, type(part), part.training, part.extra_repr(), len(part._forward_hooks)))
        said.append(len(part._forward_pre_hooks))
    for name, weight in module.named_parameters():
        said.append((name, id(weight), weight.requires_grad, weight.dtype, weight.stride(), weight.grad is None))
        said.append(weight.detach().view(torch.uint8).tolist())
        said.append(None if weight.grad is None else weight.grad.view(torch.uint8).tolist())
    for name, buffer in module.named_buffers():
        said.append((name, id(buffer), buffer.dtype, buffer.reshape(-1).view(torch.uint8).tolist()))
    return said


def judge_of(module: nn.Module) -> Judge:
    return Judge("own", module, 32, HALF, HALF)


def climb(module: nn.Module) -> None:
    Ascent(ImageStack.gray(SPEC), [output_objective(judge_of(module))], VIEWS, steps=2).run()


def climb_a_layer(module: nn.Module) -> None:
    objective = feature_objective(judge_of(module), "4.0", kind="channel", index=1)
    Ascent(ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()


def climb_a_class(module: nn.Module) -> None:
    objective = class_objective(build_classifier("own", module, 32, HALF, HALF), ((1, 1.0),))
    Ascent(ImageStack.gray(SPEC), [objective], VIEWS, steps=2).run()


def ask_for_probabilities(module: nn.Module) -> None:
    classify(build_classifier("own", module, 32, HALF, HALF), torch.rand(1, 3, 40, 40))


def fail(module: nn.Module) -> None:
    with pytest.raises(ValueError, match="fails on colour images of 1 x 1"):
        build_classifier("own", module, 1, HALF, HALF)


def climb_a_function_of_views(module: nn.Module) -> None:
    # In evaluation mode: what a function of one's own does to a model's statistics is its own affair.
    modes = [part.training for part in module.modules()]
    module.eval()
    dtype = next(module.parameters()).dtype
    own = of_views(lambda views: module(views.to(dtype))[:, 1].float())
    Ascent(ImageStack.gray(SPEC), own.resolve(judge_of(module)), VIEWS, steps=1).run()
    for part, mode in zip(module.modules(), modes, strict=True):
        part.training = mode


def wrapped(module: nn.Module) -> Judge:
    return da.wrap(module, size=32, mean=HALF, std=HALF)


def render(module: nn.Module | Judge, wish: Any, **settings: Any) -> da.Rendering:
    judge = module if isinstance(module, Judge) else wrapped(module)
    return da.render(judge, wish, **({"size": 32, "steps": 1, "recipe": FEW, "progress": False} | settings))


def render_near_a_start(module: nn.Module) -> None:
    # Of a copy, and of the model itself.
    for judge in (wrapped(module), judge_of(module)):
        render(judge, "4.0:1", start=PHOTO, within=8 / 255)


def render_pictures_that_differ(module: nn.Module) -> None:
    render(judge_of(module), da.channels("0", range(2)) + 0.5 * da.diversity("0"), start=PHOTO)


def render_a_style(module: nn.Module) -> None:
    judge = judge_of(module)
    wish = [
        da.content_objective(judge, PHOTO, "0"),
        da.style_objective(judge, PHOTO, "0"),
        da.neuron("4.0", 1),
    ]
    render(judge, wish, start=PHOTO)


def make_a_film(module: nn.Module) -> None:
    da.film(wrapped(module), {0: 1, 1: "4.0:3"}, frames=2, size=32, steps=1, recipe=FEW, progress=False, start=PHOTO)


def climb_parts_and_ensembles(module: nn.Module) -> None:
    whole = build_classifier("own", module, 32, HALF, HALF)
    pair = ClassifierEnsemble.from_members([whole, build_classifier("other", module, 32, HALF, HALF)])
    render(pair, class_objective(pair, 1))
    render(whole, class_objective(make_partial_classifier(whole, 0.5), 1))


def guide_and_score(module: nn.Module) -> None:
    objective = feature_objective(judge_of(module), "0", kind="channel", index=1)
    Guidance((objective,), VIEWS, steps=1).start_ascent(PHOTO, pace_at_noise(1.0, 32, progress=0.0), number=0).run()
    score_images(PHOTO, [objective], VIEWS)


def fail_in_the_facade(module: nn.Module) -> None:
    for wish, says in ((99, "class index 99 is out of range"), ("4.0:99", "channel 99 is out of range")):
        with pytest.raises(ValueError, match=says):
            render(module, wish)
    with pytest.raises(ValueError, match="there is no device 'gpu' here"):
        render(module, 1, device="gpu")
    with pytest.raises(ZeroDivisionError):
        render(judge_of(module), "0:1", start=PHOTO, callback=lambda step: 1 / 0)  # type: ignore[arg-type, return-value]


CALLS: tuple[Callable[[nn.Module], object], ...] = (
    lambda module: render(module, da.classes(1)),
    render_near_a_start,
    render_pictures_that_differ,
    render_a_style,
    make_a_film,
    climb_parts_and_ensembles,
    guide_and_score,
    fail_in_the_facade,
    climb,
    climb_a_layer,
    climb_a_class,
    climb_a_function_of_views,
    ask_for_probabilities,
    fail,
    lambda module: judge_of(module)(torch.rand(2, 3, 32, 32)),
    lambda module: find_layers(judge_of(module)),
    lambda module: judge_of(module).with_precision(torch.bfloat16),
)


@settings(max_examples=60, deadline=None)
@given(
    call=st.sampled_from(CALLS),
    training=st.lists(st.booleans(), min_size=12, max_size=12),
    learning=st.lists(st.booleans(), min_size=10, max_size=10),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
    has_gradient=st.booleans(),
)
def test_a_model_is_afterwards_what_it_was(
    call: Callable[[nn.Module], object],
    training: list[bool],
    learning: list[bool],
    dtype: torch.dtype,
    has_gradient: bool,
) -> None:
    module = own_model().to(dtype)
    for part, mode in zip(module.modules(), training, strict=True):
        part.training = mode
    for weight, learns in zip(module.parameters(), learning, strict=True):
        weight.requires_grad_(learns)
        weight.grad = torch.ones_like(weight) if has_gradient else None
    before = describe(module)
    call(module)
    assert describe(module) == before


def test_a_model_that_still_trains_judges_as_it_would_in_evaluation_mode() -> None:
    module = own_model()
    views = torch.rand(2, 3, 32, 32)
    frozen = judge_of(freeze(deepcopy(module)))
    module.train()
    torch.testing.assert_close(judge_of(module)(views), frozen(views))


def test_a_model_is_what_it_was_after_a_failed_run() -> None:
    module = own_model()
    before = describe(module)
    with pytest.raises(RuntimeError, match="Expected 3D"):
        judge_of(nn.Sequential(module, nn.Conv2d(1, 1, 1)))(torch.rand(2, 3, 32, 32))
    assert describe(module) == before


def test_gradients_reach_the_views_after_the_block() -> None:
    module = own_model()
    views = torch.rand(2, 3, 32, 32).requires_grad_()
    with evaluating(module):
        answer = module(views)
    answer.sum().backward()
    assert views.grad is not None
    assert all(weight.grad is None for weight in module.parameters())


def test_the_copy_of_a_model_keeps_its_precision() -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        made = build_classifier("own", own_model().to(dtype), 32, HALF, HALF)
        assert made.dtype == dtype


def test_without_a_copy_the_model_itself_is_frozen() -> None:
    module = own_model().half()
    made = build_classifier("own", module, 32, HALF, HALF, copy=False)
    assert made.module is module
    assert made.dtype == torch.float32
    assert not any(part.training for part in module.modules())
    assert not any(weight.requires_grad for weight in module.parameters())


def test_a_model_that_cannot_be_copied_is_refused_and_can_be_frozen_in_place() -> None:
    class Kept(nn.Flatten):
        """It keeps its last output, which is part of a graph."""

        def forward(self, x: Tensor) -> Tensor:
            self.last = super().forward(x)
            return self.last

    module = nn.Sequential(nn.Conv2d(3, 2, 8), Kept())
    module(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"own cannot be copied \(.*\): load it anew.* copy=False"):
        freeze_copy("own", module)
    assert build_classifier("own", module, 8, HALF, HALF, copy=False).module is module


def test_freeze_evaluates_and_takes_no_gradients() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 4, 1))
    frozen = freeze(module, torch.bfloat16)
    assert not any(part.training for part in frozen.modules())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert {parameter.dtype for parameter in frozen.parameters()} == {torch.bfloat16}
    assert frozen.get_parameter("0.weight").is_contiguous(memory_format=torch.channels_last)
    assert count_batch_norms(frozen) == 0


def test_a_copy_made_in_inference_mode_meets_autograd() -> None:
    module = own_model()
    with torch.inference_mode():
        made = build_classifier("own", module, 32, HALF, HALF)
    assert not any(weight.is_inference() for weight in made.module.parameters())
    views = torch.rand(2, 3, 32, 32).requires_grad_()
    made(views).sum().backward()
    assert views.grad is not None
