import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toys import count_batch_norms

from das_core.models.judge import Judge, freeze, to_triple

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


def test_views_are_normalised_channel_by_channel() -> None:
    views = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    seen = Judge("toy", Seen(), 4, MEAN, STD)(views)
    expected = (views.numpy().astype(np.float64) - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(seen.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_gradient_is_that_of_the_normalisation() -> None:
    views = torch.rand(1, 3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(Judge("toy", Seen(), 4, MEAN, STD)(views).sum(), views)
    np.testing.assert_allclose(gradient.numpy(), np.broadcast_to(1 / np.reshape(STD, (3, 1, 1)), (1, 3, 4, 4)), 1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_any_precision_answers_in_float32(dtype: torch.dtype) -> None:
    judge = Judge("toy", Seen(dtype), 4, MEAN, STD)
    views = torch.rand(1, 3, 4, 4, requires_grad=True)
    answer = judge(views)
    assert judge.dtype == dtype
    assert answer.dtype == torch.float32
    answer.sum().backward()
    assert views.grad is not None
    assert views.grad.dtype == torch.float32


def test_a_module_without_weights_is_float32() -> None:
    assert Judge("toy", nn.Identity(), 4, MEAN, STD).dtype == torch.float32


def test_views_stay_what_they_are() -> None:
    views = torch.rand(1, 3, 4, 4)
    before = views.clone()
    judge = Judge("toy", Seen(), 4, MEAN, STD)
    judge(views)
    assert torch.equal(views, before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        judge.size = 5  # type: ignore[misc]


def test_freeze_evaluates_and_takes_no_gradients() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 4, 1))
    frozen = freeze(module, torch.bfloat16)
    assert not any(part.training for part in frozen.modules())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert {parameter.dtype for parameter in frozen.parameters()} == {torch.bfloat16}
    assert frozen.get_parameter("0.weight").is_contiguous(memory_format=torch.channels_last)
    assert count_batch_norms(frozen) == 0


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
