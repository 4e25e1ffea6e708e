import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cases import each_case
from das_core.common.interruption import interruptible
from das_core.models.classifier import Classifier
from das_core.models.judge import Judge, probe_judge, to_triple
from das_core.models.label_sets import number_labels
from stops import Stop, StopError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.25)


class Seen(nn.Module):
    """Passes on what it is shown, in the precision of its weight."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        assert x.dtype == self.weight.dtype
        assert x.is_contiguous(memory_format=torch.channels_last)
        return x * self.weight


@each_case("shape", [(2, 3, 5, 4), (1, 3, 4, 4)])
def test_views_and_their_gradient_are_normalised_channel_by_channel(shape: tuple[int, ...]) -> None:
    views = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen = Judge("toy", Seen(), 4, MEAN, STD)(views)
    expected = (views.detach().numpy().astype(np.float64) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(seen.detach().numpy(), expected, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(seen.sum(), views)
    np.testing.assert_allclose(gradient.numpy(), np.broadcast_to(1 / np.reshape(STD, (3, 1, 1)), shape), 1e-5)


@each_case(
    ("module", "dtype"),
    [
        *((Seen(dtype), dtype) for dtype in (torch.float32, torch.bfloat16, torch.float16)),
        # A module without weights.
        (nn.Identity(), torch.float32),
    ],
)
def test_any_precision_answers_in_float32(module: nn.Module, dtype: torch.dtype) -> None:
    judge = Judge("toy", module, 4, MEAN, STD)
    views = torch.rand(1, 3, 4, 4, requires_grad=True)
    answer = judge(views)
    assert judge.dtype == dtype
    assert answer.dtype == torch.float32
    answer.sum().backward()
    assert views.grad is not None
    assert views.grad.dtype == torch.float32


def test_the_same_precision_is_the_same_judge() -> None:
    full = Judge("toy", Seen(), 4, MEAN, STD)
    assert full.with_precision(torch.float32) is full
    with pytest.raises(ValueError, match=r"precision torch.int8 has no fractions; choose torch.float32"):
        full.with_precision(torch.int8)


def test_another_precision_copies_every_weight_once_and_can_be_ended_between() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4), nn.Linear(4, 4))
    model[3].weight = model[2].weight
    before = {name: value.clone() for name, value in model.state_dict().items()}
    judge = Judge("toy", model, 4, MEAN, STD)
    half = judge.with_precision(torch.float16).module
    assert {name: value.dtype for name, value in half.state_dict().items()} == {
        name: value.half().dtype if value.is_floating_point() else value.dtype for name, value in before.items()
    }
    assert all(torch.equal(value, before[name].to(value.dtype)) for name, value in half.state_dict().items())
    assert half[3].weight is half[2].weight  # type: ignore[index]
    assert all(weight.requires_grad for weight in half.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(StopError), interruptible(Stop(3)):
        judge.with_precision(torch.float16)
    assert judge.dtype is torch.float32


def test_views_stay_what_they_are() -> None:
    views = torch.rand(1, 3, 4, 4)
    before = views.clone()
    judge = Judge("toy", Seen(), 4, MEAN, STD)
    judge(views)
    assert torch.equal(views, before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        judge.size = 5  # type: ignore[misc]


def test_triple_is_a_triple_of_floats() -> None:
    assert to_triple([1, 2, torch.tensor(0.5)]) == (1.0, 2.0, 0.5)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="unpack"):
        to_triple([1, 2])


def test_small_gradients_survive_half_precision() -> None:
    class Faint(nn.Module):
        """Scores whose gradient is below the smallest number of fp16, unless it passes through enlarged."""

        def __init__(self, dtype: torch.dtype) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.full((), 1e-4, dtype=dtype), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return (x * self.weight).flatten(1).mean(dim=1)

    gradients = []
    for dtype in (torch.float32, torch.float16):
        views = torch.rand(2, 3, 16, 16).requires_grad_()
        Judge("toy", Faint(dtype), 16, MEAN, STD)(views).sum().backward()
        assert views.grad is not None
        gradients.append(views.grad)
    assert (gradients[1] != 0).all()
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.02, atol=0)


def test_a_conversion_keeps_every_field_of_a_judge_and_takes_those_of_the_class_itself() -> None:
    # Whatever fields a judge has, now or later: one that the conversion forgets is missing, or has its default value.
    values = {one.name: object() for one in dataclasses.fields(Judge)}
    labels = number_labels(2)
    converted = Judge(**values).convert_to(Classifier, labels=labels)  # type: ignore[arg-type]
    assert type(converted) is Classifier
    assert {name: getattr(converted, name) for name in values} == values
    assert converted.labels is labels
    judge = Judge("toy", Seen(), 4, MEAN, STD)
    with pytest.raises(TypeError, match="labels"):
        judge.convert_to(Classifier)
    with pytest.raises(TypeError, match="width"):
        judge.convert_to(Classifier, labels=number_labels(2), width=3)


class Answers(nn.Module):
    """Answers with what a function makes of the views, and remembers these."""

    def __init__(self, answer: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.answer = answer
        self.shown: list[Tensor] = []

    def forward(self, views: Tensor) -> object:
        self.shown.append(views)
        return self.answer(views)


def probe(answer: Callable[[Tensor], object]) -> int:
    judge = Judge("toy", Answers(answer), 8, MEAN, STD)
    return probe_judge(judge, answer="with one number a class", wanted="a classifier")


@each_case("count", [1, 3])
def test_a_probe_counts_the_numbers_of_an_answer(count: int) -> None:
    assert probe(lambda views: views.mean(dim=(2, 3))[:, :count]) == count


def test_a_probe_shows_one_black_view_as_the_judge_would() -> None:
    module = Answers(lambda views: views.mean(dim=(2, 3)))
    probe_judge(Judge("toy", module, 8, MEAN, STD), answer="at all", wanted="another")
    (shown,) = module.shown
    expected = np.broadcast_to(np.reshape(-np.array(MEAN) / STD, (1, 3, 1, 1)), (1, 3, 8, 8))
    np.testing.assert_allclose(shown.numpy(), expected, rtol=1e-6)
    assert not shown.requires_grad


NO_ROW = r"^toy does not answer with one number a class; choose a classifier$"
NO_NUMBERS = r"^toy answers with values that are no numbers; its weights are damaged"


@each_case(
    ("answer", "says"),
    [
        (lambda views: (views.mean(dim=(2, 3)), views), NO_ROW),
        (lambda views: {"logits": views.mean(dim=(2, 3))}, NO_ROW),
        (lambda views: None, NO_ROW),
        (lambda views: views, NO_ROW),
        (lambda views: views.mean(dim=3), NO_ROW),
        (lambda views: views.mean(dim=(0, 2, 3)), NO_ROW),
        (lambda views: views.mean(), NO_ROW),
        (lambda views: torch.tensor([[0.0, torch.nan]]), NO_NUMBERS),
        (lambda views: torch.tensor([[0.0, torch.inf]]), NO_NUMBERS),
        (lambda views: torch.tensor([[0.0, -torch.inf]]), NO_NUMBERS),
    ],
)
def test_a_probe_refuses_what_is_no_row_of_finite_numbers(answer: Callable[[Tensor], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        probe(answer)


@each_case("error", [RuntimeError, AssertionError, ValueError, TypeError, KeyError, IndexError, AttributeError])
def test_a_probe_names_the_size_that_a_module_refuses_and_its_error(error: type[Exception]) -> None:
    def refuse(views: Tensor) -> None:
        raise error("224 pixels, please")

    with pytest.raises(
        ValueError, match=rf"^toy fails on colour images of 8 x 8 \({error.__name__}: .*\); choose a class"
    ) as caught:
        probe(refuse)
    assert isinstance(caught.value.__cause__, error)


def test_a_probe_lets_through_errors_that_say_nothing_of_the_model() -> None:
    def fail(views: Tensor) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        probe(fail)


@each_case(
    ("answer", "found"),
    [
        (lambda x: (x, x), "a tuple"),
        (lambda x: {"logits": x}, "a dict"),
        (lambda x: x.mean(), r"\(\)"),
        (lambda x: x[:1], r"\(1, 3, 8, 8\)"),
    ],
)
def test_an_answer_without_a_row_for_every_view_is_named(answer: Callable[[Tensor], Any], found: str) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return answer(x)

    with pytest.raises(ValueError, match=f"toy answers 2 views with {found}: a judge answers with a tensor"):
        Judge("toy", Odd(), 8, MEAN, STD)(torch.rand(2, 3, 8, 8))
