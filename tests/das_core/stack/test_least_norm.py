"""The levels of a stack, against NumPy's pseudo-inverse, and those that an optimizer has moved."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from cases import each_case
from das_core.ascent.adam import Adam
from das_core.ascent.optimizers import Optimizer
from das_core.ascent.sgd import SGD
from das_core.stack.decomposition import decompose
from das_core.stack.image_stack import ImageStack
from das_core.stack.least_norm import read_levels
from das_core.stack.levels import level_shape
from das_core.stack.spec import StackSpec
from toys import SPEC, climb


def photograph(height: int, width: int, batch: int = 1) -> torch.Tensor:
    noise = torch.rand(batch, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=(height, width), mode="bicubic").clamp(0, 1)


def summation(spec: StackSpec) -> NDArray[np.float64]:
    """Forward as one matrix (pixels, samples of all levels), by torch's own interpolation of every sample by itself."""
    columns = []
    for level, gain in zip(spec.levels, spec.gains, strict=True):
        shape = level_shape(level, spec.canvas)
        units = torch.eye(shape[0] * shape[1], dtype=torch.float64).reshape(-1, 1, *shape)
        columns.append(gain * F.interpolate(units, size=spec.canvas, mode="bicubic", align_corners=False).flatten(1).T)
    return torch.cat(columns, dim=1).numpy()


def least_norm(spec: StackSpec, canvas: torch.Tensor) -> list[torch.Tensor]:
    """The levels of least norm that come nearest to a canvas, by NumPy's pseudo-inverse in float64."""
    samples = np.linalg.pinv(summation(spec), rcond=1e-9) @ canvas.double().flatten(2).flatten(0, 1).numpy().T
    shapes = [level_shape(level, spec.canvas) for level in spec.levels]
    ends = np.cumsum([height * width for height, width in shapes])[:-1]
    return [
        torch.from_numpy(part.T.copy()).reshape(*canvas.shape[:2], *shape).float()
        for part, shape in zip(np.split(samples, ends), shapes, strict=True)
    ]


def norm(levels: Sequence[torch.Tensor]) -> float:
    return float(torch.cat([level.flatten() for level in levels]).norm())


def test_levels_that_were_not_moved_are_empty() -> None:
    stack = ImageStack.noise(StackSpec(32, 32, 4))
    assert all(float(part.abs().max()) == 0 for part in read_levels(stack))


@each_case("method", ["exact", "layers"])
@each_case("optimizer", [SGD(0.5), SGD(0.5, momentum=0.9)])
def test_the_levels_of_an_ascent_are_those_of_least_norm(method: str, optimizer: Optimizer) -> None:
    """What gradients alone have moved from zero lies in the range of the adjoint, as the pseudo-inverse does."""
    spec = StackSpec(24, 16, 8, levels=(1, 3, 7, 18), gains=(1.0, 0.5, 2.0, 1.5), method=method)  # type: ignore[arg-type]
    stack = climb(ImageStack.gray(spec), steps=3, optimizer=optimizer).stack
    expected = least_norm(spec, stack.canvas - stack.start)
    for level, reference in zip(read_levels(stack), expected, strict=True):
        assert (level - reference).norm() < 1e-3 * reference.norm()


@each_case("levels", [(1, 4, 12, 32), (1, 3, 7, 18)])
def test_the_levels_of_a_canvas_have_nearly_the_least_norm(levels: tuple[int, ...]) -> None:
    """Nearly, because K+ is that of the spectral form; no levels with the same sum can have a lesser one."""
    spec = StackSpec(24, 16, 4, levels=levels)
    stack = ImageStack.from_image(spec, photograph(16, 24))
    parts = decompose(stack)
    best = least_norm(spec, stack.canvas - parts.rest)
    assert 0.999 * norm(best) < norm(parts.levels) < 1.25 * norm(best)
    difference = [level - reference for level, reference in zip(parts.levels, best, strict=True)]
    assert norm(difference[:-1]) < norm(difference[-1:])


def test_levels_are_those_that_adam_has_moved() -> None:
    stack = climb(ImageStack.noise(replace(SPEC, method="layers")), steps=2, optimizer=Adam()).stack
    assert stack.parameters is not None
    for level, moved in zip(read_levels(stack), stack.parameters.tensors, strict=True):
        assert level is moved
