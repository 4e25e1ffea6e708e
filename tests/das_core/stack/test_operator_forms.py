from typing import Any, get_args

import pytest
import torch

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.stack.matrix_operators import ExactOperator, LevelsOperator
from das_core.stack.operator_forms import FORMS, OperatorForm, make_operator
from das_core.stack.spec import StackSpec
from das_core.stack.spectral_operator import SpectralOperator
from das_core.stack.time import Time

CPU = torch.device("cpu")
GAINS = (1.0, 1.0, 1.0)


def test_every_method_names_its_form() -> None:
    forms = {"spectral": SpectralOperator, "exact": ExactOperator, "layers": LevelsOperator}
    assert set(FORMS) == set(get_args(OperatorForm)) == set(forms)
    for method in get_args(OperatorForm):
        assert type(make_operator(method, (20, 20), (1, 5, 20), GAINS, CPU)) is forms[method]
    with pytest.raises(KeyError, match="fast"):
        make_operator("fast", (20, 20), (1, 5, 20), GAINS, CPU)  # type: ignore[arg-type]


def test_the_operator_is_that_of_its_arguments() -> None:
    k = make_operator("exact", (20, 24), (1, 5, 24), (1.0, 0.5, 2.0), CPU, True, ((1, 4),))
    assert (k.canvas, k.levels, k.gains, k.device, k.tile) == ((20, 24), (1, 5, 24), (1.0, 0.5, 2.0), CPU, True)
    gradient = torch.randn(1, 3, 20, 24)
    expected = ExactOperator((20, 24), (1, 5, 24), (1.0, 0.5, 2.0), CPU, True, [(1, 4)]).precondition(gradient)
    assert torch.equal(k.precondition(gradient), expected)


@each_case(
    "other",
    [
        {"method": "exact"},
        {"canvas": (20, 21)},
        {"levels": (1, 6, 20)},
        {"gains": (1.0, 1.0, 2.0)},
        {"tile": True},
        {"frozen": ((1, 4),)},
        {"time": Time(3)},
        {"time": Time(3, loop=True)},
    ],
)
def test_an_operator_is_built_once_and_kept_for_its_own_arguments_only(other: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"method": "spectral", "canvas": (20, 20), "levels": (1, 5, 20), "gains": GAINS}
    arguments |= {"device": CPU, "tile": False, "frozen": ()}
    first = make_operator(**arguments)
    assert make_operator(**arguments) is first
    assert make_operator(**arguments | other) is not first


def test_operator_built_under_inference_mode_meets_autograd_later() -> None:
    with torch.inference_mode():
        k = make_operator("layers", (21, 21), (1, 5, 21), GAINS, CPU)
    assert isinstance(k, LevelsOperator)
    gradient = torch.randn(1, 3, 21, 21, requires_grad=True)
    k.precondition(gradient).sum().backward()
    assert gradient.grad is not None


@each_case("method", get_args(OperatorForm))
def test_building_an_operator_takes_no_more_than_is_estimated(method: OperatorForm) -> None:
    spec = StackSpec(4000, 16, 8, levels=(1, 16, 4016), method=method)
    with PeakBytes() as made:
        operator = spec.operator(CPU)
    assert operator.canvas == (32, 4016)
    # Beside it, the parts of a matrix that are computed at once.
    assert made.peak < spec.operator_bytes() + 3 * 8 * 2**21
