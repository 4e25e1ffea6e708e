"""The error message for a model that is on another device than the picture."""

from collections.abc import Sequence

import torch

from ..models.judge import Judge


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
