"""Prepares an ascent before its first step: checks settings, chooses defaults, and prepares the stack."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch

from ..common.choices import check_choice
from ..common.scalars import check_number
from ..common.text import shorten
from ..models.judge import Judge
from ..stack.image_stack import ImageStack
from ..views.augmentation import Augmentation
from .denoising import Denoising
from .focus import Focus
from .optimizers import Optimizer
from .pace import Schedule, pace_at
from .plan import Plan
from .within import Within

_PARTS: dict[str, tuple[type[Any], str]] = {
    "augmentation": (Augmentation, "Augmentation(16)"),
    "optimizer": (Optimizer, "NormalizedAscent() or Adam()"),
    "focus": (Focus, "Focus()"),
    "denoising": (Denoising, "Denoising()"),
    "within": (Within, "8/255"),
}
"""By the name of a part of an ascent, what it is, and an example."""

MOST_STEPS = 100_000  # The most steps of an ascent: far more than help any picture, and few enough to end within days.


def choose_chunk(device: torch.device) -> int:
    """Return how many views should go through a judge at once on a device."""
    # With 4, the activations of a layer fit into the caches of a CPU; fewer than 16 leave a GPU idle (benchmarks).
    return 4 if device.type == "cpu" else 16


def check_seed(seed: int) -> None:
    """Raise a ValueError unless `seed` is a seed of random draws."""
    check_number("seed", seed, 0, math.inf, "each gives another picture", whole=True)


def check_settings(steps: int, schedule: Schedule, seed: int, chunk: int) -> None:
    """Check the settings of an `Ascent` that need neither its stack nor its objectives."""
    check_number("steps", steps, 1, MOST_STEPS, "60 make a good picture", whole=True)
    check_seed(seed)
    for step in range(steps if callable(schedule) else 1):
        pace_at(step, steps, schedule, coarse_share=0.0)
    check_number("chunk", chunk, 0, math.inf, "0 suits the device, 16 shows 16 views at once", whole=True)


def check_parts(**parts: Any) -> None:
    """Raise a ValueError when what is given for a part of an ascent is of another kind; None and names are checked by
    whoever reads them."""
    for name, value in parts.items():
        kind, example = _PARTS[name]
        named = isinstance(value, str) and name in ("focus", "denoising")
        if value is not None and not isinstance(value, kind) and not named:
            given = f"the class {value.__name__}" if isinstance(value, type) else shorten(repr(value))
            raise ValueError(f"{name} {given} is no instance of {kind.__name__}; give one, such as {example}")


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
    """Return the denoiser of an ascent; `auto` is one if the optimizer is `denoised` and an objective has a judge."""
    if not isinstance(denoising, str):
        return denoising
    check_choice("denoising", denoising, ["auto"])
    return Denoising() if optimizer.denoised and plan.judges else None


def prepare_stack(stack: ImageStack, optimizer: Optimizer, within: Within | None = None) -> ImageStack:
    """Return the stack from which an ascent starts, or raise a ValueError when its settings exclude each other."""
    spec = stack.spec
    optimizer.check(spec)
    if within is not None:
        for other, given in (("a look", spec.look), ("a zoom", spec.zoom)):
            if given:
                raise ValueError(
                    f"a bound keeps pictures near their start, and does not go with {other}; leave one out"
                )
    if stack.steps:
        if within is not None:
            within.check_start(stack)
        return stack
    # The canvas of a new stack may be paler than its start, see `ImageStack.from_image`.
    return replace(stack, start=stack.canvas) if within is None else within.project(stack)


def check_differentiable(judges: Sequence[Judge]) -> None:
    """Raise a ValueError when a judge was loaded under `torch.inference_mode()`: no gradient can pass its weights."""
    for judge in judges:
        if any(weight.is_inference() for weight in judge.module.parameters()):
            raise ValueError(
                f"{judge.name} was loaded under torch.inference_mode(), so no gradient can pass through it: load it "
                "outside of that block"
            )


def describe_mismatch(judges: Sequence[Judge], device: torch.device) -> str | None:
    """Return the message for a failed step if a judge is on another device than the picture, else None."""
    for judge in judges:
        devices = {weight.device for weight in judge.module.parameters()}
        if devices and device not in devices:
            return (
                f"{judge.name} is on {judge.device} and the picture on {device}; move the model with "
                f"judge.to('{device}'), or the picture with device='{judge.device}'"
            )
    return None
