"""Tiles: nothing in them knows where the canvas begins."""

from typing import get_args

import torch
from torch import Tensor

import direct_ascent as da
from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.ascent import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.image_stack import ImageStack
from das_core.stack.parametrizations import OperatorForm, make_operator
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows
from toys import classifier

CPU = torch.device("cpu")


def seam(image: Tensor) -> float:
    """The mean step across the two seams of images (B, 3, H, W), against that between neighbours inside."""
    steps = [(image - image.roll(1, axis)).abs().movedim(axis, 0) for axis in (2, 3)]
    across = torch.stack([step[0].mean() for step in steps]).mean()
    inside = torch.stack([step[1:].mean() for step in steps]).mean()
    return float(across / inside)


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


@each_case("optimizer", NormalizedAscent(), SGD(2.0), Adam(0.05))
def test_an_ascent_leaves_no_seam(optimizer: Optimizer) -> None:
    objective = da.classes(((3, 1.0),)).on(classifier())
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
