"""The operators by their names; and what moves in place of levels: pixels, Fourier coefficients, phases."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.memory import PeakBytes
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.denoising import Denoising
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.pace import Pace
from das_core.ascent.sgd import SGD
from das_core.stack.decomposition import decompose
from das_core.stack.edit import edit_stack
from das_core.stack.file import load_stack, save_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels_operator import LevelsOperator
from das_core.stack.linear_operator import StackOperator
from das_core.stack.parametrizations import OPERATORS, OperatorForm, Parametrization, make_operator
from das_core.stack.render import render_stack
from das_core.stack.spec import StackSpec
from das_core.stack.spectral_operator import SpectralOperator
from das_core.stack.state import AccumulatedGradient
from das_core.stack.time import Time
from stand_in_device import DEVICE, stand_in_device
from toys import toy_class

CPU = torch.device("cpu")
SHAPES = [(24, 32), (31, 17)]
"""With sides that are even and odd: the Fourier coefficients of the two are counted differently."""


def test_every_method_names_its_form() -> None:
    forms = {"spectral": SpectralOperator, "layers": LevelsOperator}
    for method in get_args(OperatorForm):
        assert type(make_operator(method, (20, 20), (1, 5, 20), CPU)) is forms[method]
    with pytest.raises(KeyError, match="fast"):
        make_operator("fast", (20, 20), (1, 5, 20), CPU)  # type: ignore[arg-type]


@each_case(
    "other",
    [
        {"method": "layers"},
        {"canvas": (20, 21)},
        {"levels": (1, 6, 20)},
        {"tile": True},
        {"frozen": ((1, 4),)},
        {"time": Time(3)},
        {"time": Time(3, loop=True)},
    ],
)
def test_an_operator_is_built_once_and_kept_for_its_own_arguments_only(other: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"method": "spectral", "canvas": (20, 20), "levels": (1, 5, 20)}
    arguments |= {"device": CPU, "tile": False, "frozen": ()}
    first = make_operator(**arguments)
    assert make_operator(**arguments) is first
    assert make_operator(**arguments | other) is not first


def test_operator_built_under_inference_mode_meets_autograd_later() -> None:
    with torch.inference_mode():
        k = make_operator("layers", (21, 21), (1, 5, 21), CPU)
    assert isinstance(k, LevelsOperator)
    gradient = torch.randn(1, 3, 21, 21, requires_grad=True)
    k.precondition(gradient).sum().backward()
    assert gradient.grad is not None


def operator(parametrization: Parametrization, shape: tuple[int, int], method: Any = "spectral") -> StackOperator[Any]:
    height, width = shape
    return StackSpec(width, height, 0, method=method, parametrization=parametrization).operator(CPU)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@each_case("shape", SHAPES)
def test_fourier_multiplies_every_frequency_by_the_square_of_lucids_scale(shape: tuple[int, int]) -> None:
    gradient = random(2, 3, *shape)
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    scale = 1 / np.maximum(np.sqrt(rows**2 + columns**2), 1 / max(shape)) / 4
    expected = np.fft.ifft2(np.fft.fft2(gradient.double().numpy()) * scale**2).real
    moved = operator("fourier", shape).precondition(gradient)
    np.testing.assert_allclose(moved.numpy(), expected, rtol=1e-4, atol=1e-4)


@each_case("shape", SHAPES)
def test_fourier_coefficients_show_what_lucid_makes_of_them(shape: tuple[int, int]) -> None:
    tensors = operator("fourier", shape, "layers")
    height, width = shape
    coefficients = random(1, 3, height, width // 2 + 1, 2)
    shown = tensors.forward(replace(tensors.adjoint(random(1, 3, *shape)), tensors=(coefficients,)))
    # Lucid: the inverse transform of scaled coefficients, which it scales by the root of the number of pixels too.
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, : width // 2 + 1]
    scale = np.sqrt(height * width) / np.maximum(np.sqrt(rows**2 + columns**2), 1 / max(shape)) / 4
    twice = np.array([1 if column in (0, width / 2) else 2 for column in range(width // 2 + 1)])
    spectrum = (coefficients[..., 0].numpy() + 1j * coefficients[..., 1].numpy()) / np.sqrt(twice)
    # NumPy takes the real part of what stands for itself, as PyTorch does.
    expected = np.fft.irfft2(scale * spectrum, s=shape)
    np.testing.assert_allclose(shown.numpy(), expected, rtol=1e-3, atol=1e-4)


@each_case("shape", SHAPES)
@each_case("parametrization", ["pixels", "fourier"])
def test_tensors_have_the_same_k_and_their_adjoint_is_the_transpose(
    parametrization: Parametrization, shape: tuple[int, int]
) -> None:
    gradient = random(1, 3, *shape)
    exact, tensors = (operator(parametrization, shape, method) for method in ("spectral", "layers"))
    torch.testing.assert_close(exact.precondition(gradient), tensors.precondition(gradient), rtol=1e-4, atol=1e-4)
    own = tensors.adjoint(gradient)
    other = replace(own, tensors=(random(*own.tensors[0].shape, seed=1),))
    torch.testing.assert_close(
        (own.tensors[0] * other.tensors[0]).sum(), (gradient * tensors.forward(other)).sum(), rtol=1e-4, atol=1e-3
    )


@each_case("method", ["spectral", "layers"])
def test_pixels_move_along_their_own_gradient(method: str) -> None:
    gradient = random(1, 3, 20, 30)
    torch.testing.assert_close(operator("pixels", (20, 30), method).precondition(gradient), gradient)


@each_case("parametrization", ["pixels", "fourier", "maco"])
def test_frozen_bands_do_not_move(parametrization: Parametrization) -> None:
    spec = StackSpec(32, 32, 0, tile=True, frozen=((1, 8),), parametrization=parametrization)
    moved = spec.operator(CPU).precondition(random(1, 3, 32, 32))
    assert moved.abs().max() > 0.01
    # Waves of up to seven half-waves belong to resolutions up to eight.
    coarse = np.fft.rfft2(moved.numpy())[..., :4, :4]
    np.testing.assert_allclose(coarse, 0, atol=1e-3)


@each_case("shape", [*SHAPES, (16, 16)])
def test_maco_keeps_magnitudes_and_moves_phases(shape: tuple[int, int]) -> None:
    start, canvas = random(1, 3, *shape), random(1, 3, *shape, seed=1)
    back = operator("maco", shape).retract(canvas, start)
    kept, of_start, of_canvas = (np.fft.rfft2(image.double().numpy()) for image in (back, start, canvas))
    np.testing.assert_allclose(np.abs(kept), np.abs(of_start), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.exp(1j * np.angle(kept)), np.exp(1j * np.angle(of_canvas)), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(operator("maco", shape).retract(back, start), back, rtol=1e-4, atol=1e-4)
    # A frequency without a phase takes that of the start.
    empty = operator("maco", shape).retract(torch.zeros_like(start), start)
    torch.testing.assert_close(empty, start, rtol=1e-4, atol=1e-5)


@each_case("tile", [False, True])
@each_case(
    ("parametrization", "method"),
    [
        (name, method)
        for name in get_args(Parametrization)
        for method in get_args(OperatorForm)
        if (name, method) != ("maco", "layers")
    ],
)
def test_every_k_is_made_on_the_device_of_the_stack(parametrization: Parametrization, method: Any, tile: bool) -> None:
    spec = StackSpec(32, 24, 0, levels=(1, 5, 32), tile=tile, method=method, parametrization=parametrization)
    gradient = random(1, 3, 24, 32)
    expected = spec.operator(CPU).precondition(gradient)
    with stand_in_device():
        moved = spec.operator(DEVICE).precondition(gradient.to(DEVICE)).cpu()
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-5)


@each_case("method", get_args(OperatorForm))
def test_building_an_operator_takes_no_more_than_is_estimated(method: OperatorForm) -> None:
    spec = StackSpec(4000, 16, 8, levels=(1, 16, 4016), method=method)
    with PeakBytes() as made:
        operator = spec.operator(CPU)
    assert operator.canvas == (32, 4016)
    # Beside it, the parts of a matrix that are computed at once.
    assert made.peak < spec.operator_bytes() + 3 * 8 * 2**21


RATES: dict[Parametrization, float] = {"pyramid": 1, "pixels": 1000, "fourier": 10, "maco": 10}
"""A learning rate of SGD that suits what moves: K is of another size for each."""

ROWS = [
    (name, kind)
    for name in get_args(Parametrization)
    for kind in ("ascent", "sgd", "adam")
    if (name, kind) != ("maco", "adam")
]
"""Every parametrisation with every optimizer that can move it."""


def make_optimizer(kind: str, parametrization: Parametrization, momentum: float = 0.0) -> Optimizer:
    made: dict[str, Optimizer] = {
        "ascent": NormalizedAscent(),
        "sgd": SGD(RATES[parametrization], momentum),
        "adam": Adam(0.02),
    }
    return made[kind]


@each_case(("parametrization", "kind"), ROWS)
def test_all_of_them_climb(parametrization: Parametrization, kind: str) -> None:
    optimizer = make_optimizer(kind, parametrization)
    objective = toy_class()
    stack = ImageStack.noise(StackSpec(48, 40, 8, parametrization=parametrization), amplitude=0.3, decay=0.7)
    result = Ascent(stack, objective, steps=6, optimizer=optimizer, focus=None, denoising=None).run()
    scores = [record.scores[objective.name] for record in result.history]
    assert scores[-1] > scores[0]
    if result.stack.parameters is not None:
        added = result.stack.spec.operator(CPU).forward(result.stack.parameters)
        torch.testing.assert_close(result.stack.start + added, result.stack.canvas, rtol=1e-4, atol=1e-4)


def test_the_magnitudes_stay_over_a_whole_ascent() -> None:
    stack = ImageStack.noise(StackSpec(48, 40, 8, parametrization="maco"), decay=0.7)
    after = Ascent(stack, toy_class(), steps=4).run().stack
    then, now = (np.abs(np.fft.rfft2(canvas.double().numpy())) for canvas in (stack.canvas, after.canvas))
    assert float((after.canvas - stack.canvas).abs().max()) > 0.05
    np.testing.assert_allclose(now, then, rtol=1e-3, atol=1e-3)


@each_case("parametrization", ["pixels", "fourier"])
def test_adam_is_that_of_torch(parametrization: Parametrization) -> None:
    spec = StackSpec(24, 20, 0, method="layers", parametrization=parametrization)
    k, optimizer = spec.operator(CPU), Adam(0.05)
    gradients = [random(1, 3, 20, 24, seed=seed) for seed in range(3)]
    stack = ImageStack.gray(spec)
    stack = replace(stack, parameters=k.adjoint(torch.zeros_like(stack.canvas)))
    moved = torch.zeros_like(stack.parameters.tensors[0]).requires_grad_()  # type: ignore[union-attr]
    peer = torch.optim.Adam([moved], lr=0.05, maximize=True)
    for gradient in gradients:
        stack = optimizer.step(stack, gradient, k, Pace(1.0, 1.0, 1.0))
        moved.grad = k.adjoint(gradient).tensors[0]
        peer.step()
    torch.testing.assert_close(stack.parameters.tensors[0], moved.detach(), rtol=1e-4, atol=1e-5)  # type: ignore[union-attr]


@each_case(("parametrization", "kind"), ROWS)
def test_a_saved_stack_continues_with_the_same_bits(
    parametrization: Parametrization, kind: str, tmp_path: Path
) -> None:
    optimizer = make_optimizer(kind, parametrization, momentum=0.5)
    stack = ImageStack.noise(StackSpec(32, 31, 8, parametrization=parametrization), decay=0.7)
    settings: dict[str, Any] = {"steps": 2, "optimizer": optimizer, "focus": None, "denoising": None}
    climbed = Ascent(stack, toy_class(), **settings).run().stack
    save_stack(climbed, tmp_path / "stack.safetensors")
    loaded = load_stack(tmp_path / "stack.safetensors")
    assert loaded.spec == climbed.spec
    one, other = (Ascent(stack, toy_class(), **settings).run().image for stack in (climbed, loaded))
    assert torch.equal(one, other)


@each_case("parametrization", ["pixels", "fourier", "maco"])
def test_it_can_be_taken_apart_edited_and_rendered(parametrization: Parametrization) -> None:
    stack = ImageStack.noise(StackSpec(32, 32, 8, parametrization=parametrization), decay=0.7)
    climbed = Ascent(stack, toy_class(), steps=2, focus=None).run().stack
    torch.testing.assert_close(decompose(climbed).canvas(), climbed.canvas, rtol=1e-4, atol=1e-4)
    smooth = edit_stack(climbed, gains=[((20, 48), 0.0)])
    assert smooth.spec.parametrization == parametrization
    assert smooth.image().diff().abs().mean() < climbed.image().diff().abs().mean()
    assert render_stack(climbed, 1.5).shape == (1, 3, 48, 48)
    assert Ascent(smooth, toy_class(), steps=1).run().image.isfinite().all()


class WavesOperator(SpectralOperator):
    """A parametrisation whose K multiplies every frequency by a factor, written as docs/architecture.md says."""

    def _compute_response(self) -> Tensor:
        rows, columns = self.basis.row_waves, self.basis.column_waves
        return (1 / (1 + torch.hypot(rows[:, None], columns))).cpu()


class WindowOperator(StackOperator[AccumulatedGradient]):
    """A parametrisation with another K: pixels at the border move less than those in the middle."""

    def _prepare(self) -> None:
        rows, columns = (torch.hann_window(side + 2, periodic=False)[1:-1] + 0.1 for side in self.canvas)
        self.weight = torch.outer(rows, columns).to(self.device)

    def adjoint(self, gradient: Tensor) -> AccumulatedGradient:
        return AccumulatedGradient((self.remove_frozen(gradient.float()),))

    def forward(self, parameters: AccumulatedGradient) -> Tensor:
        return self.remove_frozen(self.weight * parameters.gradient)

    def invert(self, change: Tensor) -> AccumulatedGradient:
        return AccumulatedGradient((self.remove_frozen(change) / self.weight,))


@each_case(("kind", "time"), [(WavesOperator, None), (WindowOperator, None), (WindowOperator, Time(3))])
def test_a_parametrisation_of_ones_own_climbs_with_every_optimizer_and_a_denoiser(
    kind: type[StackOperator[AccumulatedGradient]], time: Time | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name: Any = kind.__name__
    monkeypatch.setitem(OPERATORS, name, kind)
    spec = StackSpec(48, 40, 8, parametrization=name, time=time)
    start, objective = ImageStack.noise(spec, amplitude=0.3, decay=0.7), toy_class()
    for optimizer in (NormalizedAscent(), SGD(20)):
        denoising = Denoising(strength=0.05, end=0.05)
        result = Ascent(start, objective, steps=6, optimizer=optimizer, focus=None, denoising=denoising).run()
        scores = [record.scores[objective.name] for record in result.history]
        assert scores[-1] > scores[0]
        if optimizer.kind == "sgd":
            added = spec.operator(CPU).forward(result.stack.parameters)
            torch.testing.assert_close(result.stack.start + added, result.stack.canvas, rtol=1e-4, atol=1e-4)
            smoothed = denoising.step(result.stack, spec.operator(CPU), 0.5)
            free = denoising.step(replace(result.stack, parameters=None), spec.operator(CPU), 0.5)
            torch.testing.assert_close(smoothed.canvas, free.canvas, rtol=1e-3, atol=1e-3)
        save_stack(result.stack, tmp_path / "own.safetensors")
        assert torch.equal(load_stack(tmp_path / "own.safetensors").canvas, result.stack.canvas)
    if time is None:
        with pytest.raises(ValueError, match=r"has no tensors that .* Adam could move; choose the method spectral"):
            Ascent(start, objective, optimizer=Adam())


def test_another_optimizer_goes_on() -> None:
    stack = ImageStack.noise(StackSpec(32, 32, 8, parametrization="fourier"), decay=0.7)
    for optimizer in (SGD(0.01), Adam(0.02), NormalizedAscent()):
        before = stack.canvas
        stack = Ascent(stack, toy_class(), steps=1, optimizer=optimizer, denoising=None).run().stack
        assert 0 < float((stack.canvas - before).abs().max()) < 1


def test_what_maco_cannot_do_is_said() -> None:
    gray = ImageStack.gray(StackSpec(32, 32, 8, parametrization="maco"))
    with pytest.raises(ValueError, match=r"plain colour has none; start from noise"):
        Ascent(gray, toy_class())
    noise = ImageStack.noise(gray.spec)
    says = r"Adam keeps .*, and 'maco', which restores .* magnitudes, moves the canvas; choose .* or SGD"
    with pytest.raises(ValueError, match=says):
        Ascent(noise, toy_class(), optimizer=Adam())
    with pytest.raises(ValueError, match=r"two ways that exclude each other"):
        Ascent(noise, toy_class(), within=0.1)
    with pytest.raises(ValueError, match=r"choose the method spectral"):
        StackSpec(32, 32, parametrization="maco", method="layers")
    with pytest.raises(ValueError, match=r"parametrization 'wavelets'"):
        StackSpec(32, 32, parametrization="wavelets")  # type: ignore[arg-type]
