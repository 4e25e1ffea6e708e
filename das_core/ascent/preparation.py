"""Prepares an ascent before its first step: checks settings, chooses defaults, and prepares the stack."""

from dataclasses import replace
from typing import Literal

import torch

from ..common.choices import check_choice
from ..common.scalars import as_whole
from ..common.text import shorten
from ..stack.decomposition import decompose_change
from ..stack.image_stack import ImageStack
from ..stack.spec import StackSpec
from ..stack.state import LevelTensors
from .denoising import Denoising
from .focus import Focus
from .optimizers import Optimizer
from .pace import Schedule, pace_at
from .plan import Plan
from .within import Within

MOST_STEPS = 100_000  # The most steps of an ascent: far more than help any picture, and few enough to end within days.


def choose_chunk(device: torch.device) -> int:
    """Return how many views should go through a judge at once on a device."""
    # With 4, the activations of a layer fit into the caches of a CPU; fewer than 16 leave a GPU idle (benchmarks).
    return 4 if device.type == "cpu" else 16


def check_steps(steps: int, usual: str) -> None:
    """Raise a ValueError, which ends with what is `usual`, unless an ascent can have this number of steps."""
    if not 1 <= (as_whole(steps) or 0) <= MOST_STEPS:
        raise ValueError(f"steps {shorten(steps)} is not a whole number from 1 to {MOST_STEPS}; {usual}")


def check_seed(seed: int) -> None:
    """Raise a ValueError unless `seed` is a seed of random draws."""
    if (number := as_whole(seed)) is None or number < 0:
        raise ValueError(f"seed {shorten(seed)} is not a whole number from 0 up; each gives another picture")


def check_settings(steps: int, schedule: Schedule, seed: int, chunk: int) -> None:
    """Check the settings of an `Ascent` that need neither its stack nor its objectives."""
    check_steps(steps, "60 make a good picture")
    check_seed(seed)
    for step in range(steps if callable(schedule) else 1):
        pace_at(step, steps, schedule, coarse_share=0.0)
    if (views := as_whole(chunk)) is None or views < 0:
        raise ValueError(
            f"chunk {shorten(chunk)} is not a whole number from 0 up; 0 suits the device, 16 shows at most 16 views at "
            "once"
        )


def choose_focus(focus: Focus | Literal["auto"] | None, stack: ImageStack) -> Focus | None:
    """Return the focus of an ascent; `auto` is None for a tile, and for a stack that has climbed."""
    if isinstance(focus, str):
        check_choice("focus", focus, ["auto"])
        return None if stack.spec.tile or stack.steps else Focus()
    if focus and stack.spec.tile:
        raise ValueError("a tile has no centre to grow from; choose focus everywhere (None in Python)")
    return focus


def choose_denoising(
    denoising: Denoising | Literal["auto"] | None, optimizer: Optimizer, plan: Plan
) -> Denoising | None:
    """Return the denoiser of an ascent, None if the optimizer draws; `auto` is one if the optimizer is `denoised` and
    an objective has a judge."""
    if optimizer.draws:
        return None
    if not isinstance(denoising, str):
        return denoising
    check_choice("denoising", denoising, ["auto"])
    return Denoising() if optimizer.denoised and plan.judges else None


def prepare_stack(stack: ImageStack, optimizer: Optimizer, within: Within | None = None) -> ImageStack:
    """Return the stack with the parameters that the optimizer moves."""
    spec = stack.spec
    optimizer.check(spec)
    if within is not None or spec.keeps_magnitudes:
        return _prepare_free(stack, optimizer, within)
    if optimizer.needs_levels and spec.method != "layers":
        spec = replace(spec, method="layers")
        stack = replace(stack, spec=spec, parameters=_keep_as_tensors(stack, spec))
    # Parameters that the optimizer needs, or those of a stack that nothing has moved, begin with zeros at the present
    # canvas. A canvas that was moved without parameters keeps its start, from which `decompose_change` computes.
    if stack.parameters is None and (optimizer.needs_levels or stack.steps == 0):
        nothing = spec.operator(stack.canvas.device).adjoint(torch.zeros_like(stack.canvas))
        stack = replace(stack, start=stack.canvas, parameters=nothing)
    return stack


def _keep_as_tensors(stack: ImageStack, spec: StackSpec) -> LevelTensors | None:
    """Return the parameters of a stack, if any, as `LevelTensors`; `spec` is its spec with the method `layers`."""
    if stack.parameters is None:
        return None
    if spec.parametrization == "pyramid":
        return LevelTensors(decompose_change(stack).levels)
    # Otherwise there is one tensor, the accumulated gradient, which `adjoint` turns into pixels or coefficients.
    tensors = spec.operator(stack.canvas.device).adjoint(stack.parameters.tensors[0])
    assert isinstance(tensors, LevelTensors)
    return tensors


def _prepare_free(stack: ImageStack, optimizer: Optimizer, within: Within | None) -> ImageStack:
    """Return the stack without parameters: none produce a canvas that is projected after every step."""
    if within is not None and stack.spec.keeps_magnitudes:
        raise ValueError(
            f"'{stack.spec.parametrization}' and a bound set the picture back in two ways that exclude each other; "
            "choose another parametrisation, or no bound"
        )
    if within is not None and stack.spec.look is not None:
        raise ValueError("a bound keeps pixels near the start, and a look moves them; leave one of the two out")
    if within is not None and stack.spec.zoom is not None:
        raise ValueError("a bound is for pictures that stand by themselves; choose none for a zoom")
    if optimizer.needs_levels:
        name = stack.spec.parametrization
        mover = "a bound" if within is not None else f"'{name}', which restores Fourier magnitudes,"
        raise ValueError(
            f"{type(optimizer).__name__} keeps what it moves as tensors, and {mover} moves the canvas; choose "
            "NormalizedAscent ('ascent') or SGD ('sgd')"
        )
    if stack.spec.keeps_magnitudes and not bool((stack.start != stack.start[:, :, :1, :1]).any()):
        raise ValueError(
            f"'{stack.spec.parametrization}' keeps the magnitudes of what it starts from, and plain colour has none; "
            "start from noise (a decay of 0.7 is as rough as photographs are) or from an image"
        )
    stack = replace(stack, parameters=None)
    if within is None:
        return stack if stack.steps else replace(stack, start=stack.canvas)
    if not stack.steps:
        # The canvas of a new stack may be paler than its start, see `ImageStack.from_image`.
        return within.project(stack)
    within.check_start(stack)
    return stack
