"""Tiles: nothing in them knows where the canvas begins."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.objectives.classes import class_objective
from das_core.stack.decomposition import read_levels
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels, power_levels
from das_core.stack.parametrizations import OperatorForm, make_operator
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.views.augmentation import Augmentation
from das_core.views.draws import Draws, ViewKey
from das_core.views.geometry import ViewGeometry
from das_core.views.sampling import crop_and_resize
from das_core.views.windows import Windows
from toys import classifier

CPU = torch.device("cpu")


def seam(image: Tensor) -> float:
    """The mean step across the two seams of images (B, 3, H, W), against that between neighbours inside."""
    steps = [(image - image.roll(1, axis)).abs().movedim(axis, 0) for axis in (2, 3)]
    across = torch.stack([step[0].mean() for step in steps]).mean()
    inside = torch.stack([step[1:].mean() for step in steps]).mean()
    return float(across / inside)


@each_case("canvas", [(32, 32), (21, 34)])
@each_case("roll", [(1, 0), (7, 13), (0, 16)])
@each_case("cutoff", [None, 6.0])
def test_k_commutes_with_rolls(canvas: tuple[int, int], roll: tuple[int, int], cutoff: float | None) -> None:
    k = make_operator("spectral", canvas, power_levels(max(canvas)), CPU, True)
    gradient = torch.randn(2, 3, *canvas)
    rolled = k.precondition(gradient.roll(roll, (2, 3)), cutoff)
    torch.testing.assert_close(rolled, k.precondition(gradient, cutoff).roll(roll, (2, 3)), rtol=1e-4, atol=1e-4)


def test_levels_commute_with_a_roll_by_whole_samples_of_each() -> None:
    """Half a canvas is one sample of level 2, two of level 4 and four of level 8."""
    k = make_operator("layers", (32, 32), (1, 2, 4, 8), CPU, True)
    gradient = torch.randn(1, 3, 32, 32)
    rolled = k.precondition(gradient.roll((16, 16), (2, 3)))
    torch.testing.assert_close(rolled, k.precondition(gradient).roll((16, 16), (2, 3)), rtol=1e-4, atol=1e-4)


@each_case("canvas", [(48, 48), (24, 50)])
def test_spectral_points_where_exact_does(canvas: tuple[int, int]) -> None:
    levels = linear_levels(max(canvas), 2)
    gradient = torch.randn(1, 3, *canvas)
    near, exact = (
        make_operator(form, canvas, levels, CPU, True).precondition(gradient) for form in get_args(OperatorForm)
    )
    assert torch.cosine_similarity(near.flatten(), exact.flatten(), dim=0) > 0.98


def test_spectral_is_the_best_diagonal() -> None:
    """The response is what the exact K leaves of every pair of waves, found here by applying it to each."""
    canvas, levels = (9, 6), (1, 3, 9)
    spectral, exact = (make_operator(form, canvas, levels, CPU, True) for form in get_args(OperatorForm))
    rows, columns = torch.arange(9)[:, None], torch.arange(6)[None, :]
    for down in range(9):
        for right in range(4):
            phase = 2 * torch.pi * (rows * down / 9 + columns * right / 6)
            waves = torch.stack([phase.cos(), phase.sin()])[:, None]
            kept = (waves * exact.precondition(waves)).sum() / waves.square().sum()
            expected = waves * kept
            torch.testing.assert_close(spectral.precondition(waves), expected, rtol=1e-3, atol=1e-3)


@each_case("method", get_args(OperatorForm))
def test_k_is_symmetric_and_positive(method: OperatorForm) -> None:
    k = make_operator(method, (30, 22), power_levels(30), CPU, True)
    first, second = torch.randn(1, 3, 30, 22), torch.randn(1, 3, 30, 22)
    torch.testing.assert_close(
        (first * k.precondition(second)).sum(), (second * k.precondition(first)).sum(), rtol=1e-4, atol=1e-2
    )
    assert (first * k.precondition(first)).sum() > 0


@each_case("size", [8, 24, 32])
def test_windows_go_on_at_the_other_end_and_their_adjoint_does(size: int) -> None:
    canvas = torch.randn(2, 3, 40, 56)
    windows = [(30, 50, 24), (0, 40, 40), (39, 0, 9), (16, 32, 24), (5, 6, 32)]
    items = [0, 1, 0, 1, 1]
    leaf = canvas.clone().requires_grad_()
    views = crop_and_resize(leaf, windows, items, size)
    for view, (top, left, side), item in zip(views, windows, items, strict=True):
        rolled = canvas[item : item + 1].roll((-top, -left), (2, 3))
        torch.testing.assert_close(view, crop_and_resize(rolled, [(0, 0, side)], [0], size)[0], rtol=0, atol=1e-6)
    other = torch.randn_like(views)
    (views * other).sum().backward()
    assert leaf.grad is not None
    torch.testing.assert_close((views * other).sum(), (canvas * leaf.grad).sum(), rtol=1e-4, atol=1e-2)


def test_windows_lie_anywhere_in_a_tile_whatever_the_jitter() -> None:
    keys = [ViewKey(0, 0, 0, view) for view in range(400)]
    drawn = Windows(jitter=56, zoom_min=0.5, zoom_start=0.5).draw(
        ViewGeometry((40, 60), 0, tile=True), Draws(keys, CPU)
    )
    assert {top for top, _, _ in drawn} == set(range(40))
    assert {left for _, left, _ in drawn} == set(range(60))
    assert (min(side for *_, side in drawn), max(side for *_, side in drawn)) == (20, 40)


@each_case("optimizer", [NormalizedAscent(), SGD(2.0), Adam(0.05)])
def test_an_ascent_leaves_no_seam(optimizer: Optimizer) -> None:
    objective = class_objective(classifier(), ((3, 1.0),))
    views = Augmentation(6, Windows(jitter=0, zoom_min=0.4))
    images = []
    for tile in (True, False):
        spec = StackSpec(64, 48, 0, levels=power_levels(64), tile=tile)
        result = Ascent(ImageStack.gray(spec, 2), [objective], views, steps=15, optimizer=optimizer).run()
        images.append(result.image)
        scores = [record.scores[objective.name] for record in result.history]
        assert sum(scores[-3:]) > sum(scores[:3])
    assert seam(images[0]) < 1.3
    assert seam(images[1]) > 2 * seam(images[0])


def test_noise_of_a_tile_has_no_seam() -> None:
    spec = StackSpec(64, 48, 0, levels=power_levels(64), tile=True)
    images = ImageStack.noise(spec, 6, decay=0.5).canvas
    assert seam(images) < 1.2
    assert seam(ImageStack.noise(StackSpec(64, 48, 0, levels=power_levels(64)), 6, decay=0.5).canvas) > 2


@each_case("method", get_args(OperatorForm))
@each_case("optimizer", [NormalizedAscent(), SGD(1.0)])
def test_levels_of_a_tile_sum_to_its_canvas(method: str, optimizer: Optimizer) -> None:
    spec = StackSpec(32, 24, 0, levels=(1, 4, 9, 32), method=method, tile=True)  # type: ignore[arg-type]
    objective = class_objective(classifier(), ((3, 1.0),))
    stack = Ascent(ImageStack.noise(spec), [objective], steps=2, optimizer=optimizer).run().stack
    layers = stack.spec.operator(CPU, "layers")
    torch.testing.assert_close(
        layers.forward(LevelTensors(read_levels(stack))), stack.canvas - stack.start, rtol=0, atol=1e-3
    )


def test_a_tile_with_a_margin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a tile with a margin of 56 .* set margin to 0, or tile to off"):
        StackSpec(tile=True)
    assert StackSpec(margin=0, tile=True).canvas == (448, 448)
