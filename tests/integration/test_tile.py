"""Tiles: nothing in them knows where the canvas begins."""

from typing import Any, get_args

import torch
from torch import Tensor

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.loop import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.common.geometry import Shape
from das_core.objectives.classes import class_objective
from das_core.stack.decomposition import decompose_change
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import OperatorForm, make_operator
from das_core.stack.spec import StackSpec
from das_core.stack.state import LevelTensors
from das_core.views.augmentation import Augmentation
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


@each_case(
    ("form", "canvas", "levels", "roll"),
    [
        ("spectral", (21, 34), (1, 2, 4, 8, 16, 34), (7, 13)),
        # Half a canvas is one sample of level 2, two of level 4 and four of level 8.
        ("layers", (32, 32), (1, 2, 4, 8), (16, 16)),
    ],
)
def test_k_commutes_with_rolls(form: Any, canvas: Shape, levels: tuple[int, ...], roll: tuple[int, int]) -> None:
    k = make_operator(form, canvas, levels, CPU, True)
    gradient = torch.randn(2, 3, *canvas)
    for cutoff in (None, 6.0) if form == "spectral" else (None,):
        rolled = k.precondition(gradient.roll(roll, (2, 3)), cutoff)
        torch.testing.assert_close(rolled, k.precondition(gradient, cutoff).roll(roll, (2, 3)), rtol=1e-4, atol=1e-4)


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


@each_case("size", [8, 24])
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


@each_case("optimizer", [NormalizedAscent(), SGD(2.0), Adam(0.05)])
def test_an_ascent_leaves_no_seam(optimizer: Optimizer) -> None:
    objective = class_objective(classifier(), ((3, 1.0),))
    views = Augmentation(6, Windows(jitter=0, zoom_min=0.4))
    specs = [StackSpec(64, 48, 0, levels=(1, 2, 4, 8, 16, 32, 64), tile=tile) for tile in (True, False)]
    tiled, plain = (
        Ascent(ImageStack.gray(spec, 2), objective, views, steps=15, optimizer=optimizer).run().image for spec in specs
    )
    assert seam(tiled) < 1.3
    assert seam(plain) > 2 * seam(tiled)
    # Nor has noise.
    tiled, plain = (ImageStack.noise(spec, 6, decay=0.5).canvas for spec in specs)
    assert seam(tiled) < 1.2
    assert seam(plain) > 2


@each_case("method", get_args(OperatorForm))
@each_case("optimizer", [NormalizedAscent(), SGD(1.0)])
def test_levels_of_a_tile_sum_to_its_canvas(method: OperatorForm, optimizer: Optimizer) -> None:
    spec = StackSpec(32, 24, 0, levels=(1, 4, 9, 32), method=method, tile=True)
    objective = class_objective(classifier(), ((3, 1.0),))
    stack = Ascent(ImageStack.noise(spec), [objective], steps=2, optimizer=optimizer).run().stack
    layers = stack.spec.operator(CPU, "layers")
    torch.testing.assert_close(
        layers.forward(LevelTensors(decompose_change(stack).levels)), stack.canvas - stack.start, rtol=0, atol=1e-3
    )
