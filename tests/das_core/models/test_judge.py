"""Judges: what they show their modules, what is no answer, and what a view takes of memory."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.memory import PeakBytes
from cases import each_case, refuses
from das_core.common.interruption import interruptible
from das_core.models.activation_memory import measure_view_bytes
from das_core.models.classifier import Classifier
from das_core.models.judge import Judge, probe_judge
from das_core.models.labels import number_labels
from das_core.models.sources.starters import load_starter
from stops import Stop, StopError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.25)


class Weighted(nn.Module):
    """Multiplies what it is shown by a weight, in the precision of the weight."""

    def __init__(self, dtype: torch.dtype, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((), weight, dtype=dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        assert x.dtype == self.weight.dtype
        assert x.is_contiguous(memory_format=torch.channels_last)
        return (x * self.weight).flatten(1)


class Answers(nn.Module):
    """Answers with what a function makes of the views, and remembers these."""

    def __init__(self, answer: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer
        self.shown: list[Tensor] = []

    def forward(self, views: Tensor) -> Any:
        self.shown.append(views)
        return self.answer(views)


def judge(module: nn.Module, size: int = 4) -> Judge:
    return Judge("toy", module, size, MEAN, STD)


def test_views_and_their_gradient_are_normalised_channel_by_channel() -> None:
    views = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    before = views.detach().clone()
    seen = judge(nn.Identity())(views)
    mean, std = (np.reshape(values, (3, 1, 1)) for values in (MEAN, STD))
    np.testing.assert_allclose(seen.detach().numpy(), (before.double().numpy() - mean) / std, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(seen.sum(), views)
    np.testing.assert_allclose(gradient.numpy(), np.broadcast_to(1 / std, views.shape), 1e-5)
    assert torch.equal(views.detach(), before)


@each_case("dtype", torch.bfloat16, torch.float16)
def test_lower_precision_answers_in_float32_and_keeps_small_gradients(dtype: torch.dtype) -> None:
    gradients = []
    for precision in (torch.float32, dtype):
        # The gradient is below the smallest number of fp16, unless it passes through enlarged.
        made = judge(Weighted(precision, 1e-4), 16)
        views = torch.rand(2, 3, 16, 16).requires_grad_()
        answer = made(views)
        assert (made.dtype, answer.dtype) == (precision, torch.float32)
        (gradient,) = torch.autograd.grad(answer.mean(dim=1).sum(), views)
        gradients.append(gradient)
    assert (gradients[1] != 0).all()
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.02, atol=0)


def test_another_precision_copies_every_weight_once_and_can_be_ended_between() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4), nn.Linear(4, 4))
    model[3].weight = model[2].weight
    before = {name: value.clone() for name, value in model.state_dict().items()}
    full = dataclasses.replace(judge(model), owner=object())
    assert full.with_precision(torch.float32) is full
    assert full.with_precision(torch.float16).owner is None
    half = full.with_precision(torch.float16).module
    for name, value in half.state_dict().items():
        assert torch.equal(value, before[name].half() if before[name].is_floating_point() else before[name])
    assert half[3].weight is half[2].weight  # type: ignore[index]
    assert all(weight.requires_grad for weight in half.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(StopError), interruptible(Stop(3)):
        full.with_precision(torch.float16)
    for wrong in (torch.int8, torch.float8_e4m3fn, "bfloat16", None, float):
        says = re.escape(f"precision {wrong!r} is none of torch.float16, torch.bfloat16, torch.float32")
        with pytest.raises(ValueError, match=says):
            full.with_precision(wrong)  # type: ignore[arg-type]


def test_a_conversion_keeps_every_field_of_a_judge_and_takes_those_of_the_class_itself() -> None:
    # Whatever fields a judge has, now or later: one that the conversion forgets is missing, or has its default value.
    values = {one.name: object() for one in dataclasses.fields(Judge)}
    labels = number_labels(2)
    converted = Judge(**values).convert_to(Classifier, labels=labels)  # type: ignore[arg-type]
    assert type(converted) is Classifier
    assert {name: getattr(converted, name) for name in values} == values
    assert converted.labels is labels


def probe(answer: Callable[[Tensor], Any]) -> int:
    return probe_judge(judge(Answers(answer), 8), answer="with one number a class", wanted="a classifier")


def test_a_probe_shows_one_black_view_and_counts_the_numbers_of_the_answer() -> None:
    module = Answers(lambda views: views.mean(dim=(2, 3)))
    assert probe_judge(judge(module, 8), answer="at all", wanted="another") == 3
    (shown,) = module.shown
    expected = np.broadcast_to(np.reshape(-np.array(MEAN) / STD, (1, 3, 1, 1)), (1, 3, 8, 8))
    np.testing.assert_allclose(shown.numpy(), expected, rtol=1e-6)
    assert not shown.requires_grad


test_a_probe_refuses_what_is_no_row_of_finite_numbers = refuses(
    probe,
    (lambda views: {"logits": views}, r"^toy does not answer with one number a class; choose a classifier$"),
    (lambda views: views.mean(dim=3), r"^toy does not answer with one number a class; choose a classifier$"),
    (lambda views: torch.zeros(1, 100_001), "toy answers with 100001 numbers, above 100000; choose a classifier"),
    (lambda views: torch.tensor([[0.0, -torch.inf]]), "toy answers with values that are no numbers; its weights"),
)


def fail(error: type[Exception]) -> None:
    raise error("224 pixels, please")


@each_case("error", RuntimeError, KeyError, NameError)
def test_a_probe_names_the_size_that_a_module_refuses_and_its_error(error: type[Exception]) -> None:
    says = rf"^toy fails on colour images of 8 x 8 \({error.__name__}: .*\); choose a class"
    with pytest.raises(ValueError, match=says) as caught:
        probe(lambda views: fail(error))
    assert isinstance(caught.value.__cause__, error)


@each_case("error", InterruptedError, torch.OutOfMemoryError)
def test_a_probe_lets_through_errors_that_say_nothing_of_the_model(error: type[Exception]) -> None:
    with pytest.raises(error):
        probe(lambda views: fail(error))


@each_case(
    ("answer", "found"),
    (lambda x: (x, x), "a tuple"),
    (lambda x: x.mean(), r"\(\)"),
    (lambda x: x[:1], r"\(1, 3, 8, 8\)"),
)
def test_an_answer_without_a_row_for_every_view_is_named(answer: Callable[[Tensor], Any], found: str) -> None:
    with pytest.raises(ValueError, match=f"toy answers 2 views with {found}: a judge answers with a tensor"):
        judge(Answers(answer), 8)(torch.rand(2, 3, 8, 8))


def test_it_is_what_a_view_takes_within_a_factor_of_two() -> None:
    starter = load_starter()
    with PeakBytes() as made:
        view = torch.rand(1, 3, starter.size, starter.size, requires_grad=True)
        starter.module(view).sum().backward()
    assert made.peak / 2 < measure_view_bytes(starter) < 2 * made.peak


class Stubborn(nn.Module):
    """Asks for numbers, which tensors on the meta device have not."""

    def forward(self, views: Tensor) -> Tensor:
        return views.mean(dim=(2, 3)) * float(views.detach().max())


def test_a_model_that_needs_numbers_gets_an_estimate() -> None:
    assert measure_view_bytes(judge(Stubborn(), 32)) == (2000 + 16 * 12) * 32**2


def test_it_is_counted_once_for_a_module_and_a_precision() -> None:
    calls: list[tuple[torch.dtype, bool]] = []

    class Counting(nn.Linear):
        def forward(self, views: Tensor) -> Tensor:
            # The module itself keeps its weights, as another thread may be running it.
            calls.append((views.dtype, one.module.get_parameter("weight").is_meta))
            return super().forward(views.mean(dim=(2, 3)))

    one = judge(Counting(3, 4))
    assert measure_view_bytes(one) == measure_view_bytes(replace(one, name="again"))
    measure_view_bytes(replace(one, module=one.module.bfloat16()))
    assert calls == [(torch.float32, False), (torch.bfloat16, False)]
