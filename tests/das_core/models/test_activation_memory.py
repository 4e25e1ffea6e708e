"""The count of a model's activations, taken without numbers, against those of a real run."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.memory import PeakBytes
from das_core.models.activation_memory import measure_view_bytes
from das_core.models.sources.starters import load_starter
from toys import judge


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
