"""The operators by their names; and what moves in place of levels: pixels and Fourier coefficients."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

import direct_ascent as da
from benchmarks.memory import PeakBytes
from cases import each_case, refuses
from das_core.ascent.optimizers import Optimizer
from das_core.stack.linear_operator import Parametrization
from das_core.stack.parametrizations import OperatorForm, ParametrizationName, make_operator
from das_core.stack.spectral_operator import SpectralOperator
from stand_in_device import DEVICE, stand_in_device
from toys import draw, toy_class

CPU = torch.device("cpu")
SHAPES = [(24, 32), (31, 17)]
"""With sides that are even and odd: the Fourier coefficients of the two are counted differently."""


def test_an_operator_is_built_once_and_kept_for_its_own_arguments_only() -> None:
    own: dict[str, Any] = {"method": "spectral", "canvas": (20, 20), "levels": (1, 5, 20), "device": CPU}
    own |= {"tile": False, "frozen": ()}
    others = {"method": "layers", "canvas": (20, 21), "levels": (1, 6, 20), "tile": True, "frozen": ((1, 4),)}
    first = make_operator(**own)
    assert type(first) is SpectralOperator
    for name, value in (*others.items(), ("time", da.stack.Time(3)), ("time", da.stack.Time(3, loop=True))):
        assert make_operator(**own | {name: value}) is not first
        assert make_operator(**own) is first


def operator(parametrization: ParametrizationName, shape: tuple[int, int]) -> Any:
    height, width = shape
    return da.StackSpec(width, height, 0, parametrization=parametrization).operator(CPU)


@each_case("shape", *SHAPES)
def test_fourier_coefficients_and_their_k_are_those_of_lucid(shape: tuple[int, int]) -> None:
    height, width = shape
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    scale = 1 / np.maximum(np.sqrt(rows**2 + columns**2), 1 / max(shape)) / 4
    gradient = draw(2, 3, *shape)
    expected = np.fft.ifft2(np.fft.fft2(gradient.double().numpy()) * scale**2).real
    moved = operator("fourier", shape).precondition(gradient)
    np.testing.assert_allclose(moved.numpy(), expected, rtol=1e-4, atol=1e-4)
    # Lucid: the inverse transform of scaled coefficients, which it scales by the root of the number of pixels too.
    half = width // 2 + 1
    coefficients = draw(1, 3, height, half, 2)
    twice = np.array([1 if column in (0, width / 2) else 2 for column in range(half)])
    spectrum = (coefficients[..., 0].numpy() + 1j * coefficients[..., 1].numpy()) / np.sqrt(twice)
    # NumPy takes the real part of what stands for itself, as PyTorch does.
    expected = np.fft.irfft2(np.sqrt(height * width) * scale[:, :half] * spectrum, s=shape)
    shown = operator("fourier", shape).forward((coefficients,))
    np.testing.assert_allclose(shown.numpy(), expected, rtol=1e-3, atol=1e-4)


@each_case("shape", *SHAPES)
@each_case("parametrization", "pixels", "fourier")
def test_the_adjoint_is_the_transpose_and_the_gradient_stays(
    parametrization: ParametrizationName, shape: tuple[int, int]
) -> None:
    k, gradient = operator(parametrization, shape), draw(1, 3, *shape)
    (own,) = k.adjoint(gradient)
    other = draw(*own.shape, seed=1)
    torch.testing.assert_close((own * other).sum(), (gradient * k.forward((other,))).sum(), rtol=1e-4, atol=1e-3)
    moved = k.precondition(gradient)
    assert torch.equal(moved, gradient) == (parametrization == "pixels")
    moved.zero_()  # Optimizers may reuse its memory.
    assert torch.equal(gradient, draw(1, 3, *shape))


@each_case("parametrization", "pixels", "fourier")
def test_frozen_bands_do_not_move(parametrization: ParametrizationName) -> None:
    spec = da.StackSpec(32, 32, 0, tile=True, frozen=((1, 8),), parametrization=parametrization)
    moved = spec.operator(CPU).precondition(draw(1, 3, 32, 32))
    assert moved.abs().max() > 0.01
    # Waves of up to seven half-waves belong to resolutions up to eight.
    np.testing.assert_allclose(np.fft.rfft2(moved.numpy())[..., :4, :4], 0, atol=1e-3)


@each_case("tile", False, True)
@each_case("parametrization", *get_args(ParametrizationName))
@each_case("method", *get_args(OperatorForm))
def test_every_k_is_made_on_the_device_of_the_stack(
    parametrization: ParametrizationName, method: Any, tile: bool
) -> None:
    spec = da.StackSpec(32, 24, 0, levels=(1, 5, 32), tile=tile, method=method, parametrization=parametrization)
    gradient = draw(1, 3, 24, 32)
    expected = spec.operator(CPU).precondition(gradient)
    with stand_in_device():
        moved = spec.operator(DEVICE).precondition(gradient.to(DEVICE)).cpu()
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-5)


@each_case("method", *get_args(OperatorForm))
def test_building_an_operator_takes_no_more_than_is_estimated(method: OperatorForm) -> None:
    spec = da.StackSpec(4000, 16, 8, levels=(1, 16, 4016), method=method)
    with PeakBytes() as made:
        spec.operator(CPU)
    # Beside it, the parts of a matrix that are computed at once.
    assert made.peak < spec.operator_bytes() + 3 * 8 * 2**21


class WindowOperator(Parametrization):
    """A parametrisation of one's own (docs/extending.md): pixels at the border move less than in the middle."""

    def prepare(self) -> None:
        rows, columns = (torch.hann_window(side + 2, periodic=False)[1:-1] + 0.1 for side in self.canvas)
        self.weight = torch.outer(rows, columns).to(self.device).sqrt()

    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        return (self.weight * gradient,)

    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        return self.weight * tensors[0]


RATES: dict[Any, float] = {"pyramid": 1, "pixels": 1000, "fourier": 10, WindowOperator: 20}
"""A learning rate of SGD that suits what moves: K is of another size for each."""

ROWS = [(name, kind, None) for name in RATES for kind in ("ascent", "sgd", "adam")] + [
    (WindowOperator, "sgd", da.stack.Time(3))
]
"""Every parametrisation with every optimizer, and a film."""


@each_case(("name", "kind", "time"), *ROWS)
def test_all_of_them_climb_stay_true_and_can_be_denoised_and_edited(
    name: Any, kind: str, time: da.stack.Time | None
) -> None:
    made: dict[str, Optimizer] = {
        "ascent": da.ascent.NormalizedAscent(),
        "sgd": da.ascent.SGD(RATES[name]),
        "adam": da.ascent.Adam(0.02),
    }
    spec, objective = da.StackSpec(48, 40, 8, parametrization=name, time=time), toy_class()
    denoising = da.ascent.Denoising(strength=0.05, end=0.05)
    stack = da.ImageStack.noise(spec, amplitude=0.3, decay=0.7)
    settings: dict[str, Any] = {
        "augmentation": da.views.Augmentation(transforms=()),
        "focus": None,
        "denoising": denoising,
    }
    result = da.Ascent(stack, objective, steps=6, optimizer=made[kind], **settings).run()
    scores = [record.scores[objective.name] for record in result.history]
    assert scores[-1] > scores[0]
    after = result.stack
    smooth = da.stack.edit_stack(after, gains=[((20, 64), 0.0)])
    assert smooth.spec.parametrization == name
    assert smooth.image().diff().abs().mean() < after.image().diff().abs().mean()


class Unfinished(Parametrization):
    def adjoint(self, gradient: Tensor) -> tuple[Tensor, ...]:
        return (gradient,)


class Scaled(Unfinished):
    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        return 2 * tensors[0]


class Listed(Scaled):
    def adjoint(self, gradient: Tensor) -> Any:
        return [gradient]


class Cut(Scaled):
    def forward(self, tensors: tuple[Tensor, ...]) -> Tensor:
        return tensors[0][..., 1:]


test_what_is_no_parametrisation_is_said = refuses(
    lambda given: da.StackSpec(32, 32, 8, parametrization=given).operator(CPU),
    ("pixel", "parametrization 'pixel' is unknown; choose one of .*, or a class that inherits Parametrization"),
    (Tensor, "parametrization 'a value of the type"),
    (Unfinished, "parametrization Unfinished lacks forward; define both"),
    (Scaled, r"Scaled.adjoint is not the transpose of Scaled.forward: .* lacks a factor"),
    (Listed, "Listed.adjoint has to return a tuple of float32 tensors"),
    (Cut, r"Cut.forward has to return a float32 tensor \(2, 3, 48, 48\)"),
)


def test_a_stack_of_ones_own_parametrisation_is_saved_as_pixels(tmp_path: Path) -> None:
    stack = da.ImageStack.noise(da.StackSpec(32, 32, 8, parametrization=WindowOperator))
    with pytest.raises(ValueError, match=r"WindowOperator, a parametrization of your own, has no place in a file"):
        da.stack.save_stack(stack, tmp_path / "stack.safetensors")
    spec = replace(stack.spec, parametrization="pixels")
    da.stack.save_stack(replace(stack, spec=spec), tmp_path / "stack.safetensors")
    assert torch.equal(da.stack.load_stack(tmp_path / "stack.safetensors").canvas, stack.canvas)
