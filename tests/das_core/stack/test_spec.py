from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.stack.bands import FINEST
from das_core.stack.levels import linear_levels
from das_core.stack.levels_operator import LevelsOperator
from das_core.stack.parametrizations import OperatorForm, ParametrizationName
from das_core.stack.spectral_operator import SpectralOperator, compute_spectral_response

CPU = torch.device("cpu")


def test_default_levels_go_in_steps_to_the_long_side_and_none_is_of_the_whole_canvas_at_once() -> None:
    assert da.StackSpec().levels == tuple(range(4, 561, 4))
    assert da.StackSpec(32, 64, 8).levels == da.StackSpec(64, 32, 8).levels == tuple(range(4, 81, 4))
    # So the response at frequency 0 is about that of the next coarse waves.
    levels = da.StackSpec(64, 64, 16).levels, linear_levels(96, 4)
    response, with_one = (compute_spectral_response((96, 96), each) for each in levels)
    assert response[0, 0] < 1.5 * response[0, 1]
    assert with_one[0, 0] > 10 * with_one[0, 1]


def test_the_canvas_is_the_picture_with_a_margin_on_every_side_and_levels_are_sorted() -> None:
    assert da.StackSpec(64, 32, 8).canvas == (48, 80)
    assert da.StackSpec(64, 32, 0, tile=True).canvas == (32, 64)
    spec = da.StackSpec(32, 32, 8, levels=(16, 4, 48, 4))
    assert spec.levels == (4, 16, 48)
    assert hash(spec) == hash(da.StackSpec(32, 32, 8, levels=(4, 16, 48)))


@each_case(
    ("settings", "says"),
    ({"method": "fast"}, "method 'fast' is unknown"),
    ({"levels": (1, 337)}, "level 337 is not a whole number from 1 to 336"),
    ({"color": "lab"}, "color 'lab' is unknown; choose one of decorrelated, rgb"),
    ({"parametrization": "wavelets"}, "parametrization 'wavelets' is unknown"),
    ({"margin": 2**40}, "margin 1099511627776 is not a whole number from 0 to 32768"),
    ({"tile": True}, "a tile with a margin of 56 pixels cannot be.* set margin to 0, or tile to off"),
    ({"time": 3}, "time 3 is no Time; give one, or None"),
    ({"frozen": ((1, FINEST),)}, "the frozen bands 1- leave nothing that could move; freeze fewer"),
    ({"frozen": ((4, 1),)}, r"the frozen band \(4, 1\) is no pair of resolutions that rise"),
    ({"frozen": ((1, 2, 3),)}, r"the frozen band \(1, 2, 3\) is no pair"),
)
def test_bad_specs_are_named(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        da.StackSpec(**({"width": 224, "height": 224} | settings))  # type: ignore[arg-type]


def test_the_operator_is_that_of_the_spec_in_its_own_form_or_the_one_asked_for() -> None:
    spec, gradient = da.StackSpec(24, 16, 0, levels=(1, 5, 24), tile=True, frozen=((1, 4),)), torch.randn(1, 3, 16, 24)
    forms: dict[OperatorForm, Any] = {"spectral": SpectralOperator, "layers": LevelsOperator}
    for method, form in forms.items():
        expected = form((16, 24), (1, 5, 24), CPU, True, ((1, 4),)).precondition(gradient)
        for operator in (replace(spec, method=method).operator(CPU), spec.operator(CPU, method)):
            assert torch.equal(operator.precondition(gradient), expected)


@each_case("height", 32, 64)
@each_case(
    ("parametrization", "method"),
    ("pixels", "layers"),
    ("fourier", "layers"),
    ("pyramid", "layers"),
    ("pyramid", "spectral"),
)
def test_the_estimate_counts_the_matrices_that_are_built(
    height: int, parametrization: ParametrizationName, method: OperatorForm
) -> None:
    spec = da.StackSpec(64, height, 8, parametrization=parametrization, method=method)
    operator, built = spec.operator(CPU), set[Tensor]()
    if isinstance(operator, LevelsOperator):
        built = {matrix for pair in operator.matrices for matrix in pair}
    matrices = sum(matrix.numel() * matrix.element_size() for matrix in built)
    assert spec.operator_bytes() - replace(spec, method="spectral").operator_bytes() == matrices
    assert bool(matrices) == (method == "layers" and parametrization == "pyramid")
