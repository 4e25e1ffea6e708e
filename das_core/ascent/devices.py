"""Models that are on another device than the picture, and what an ascent says of it."""

from collections.abc import Sequence

import torch

from ..models.judge import Judge


def describe_mismatch(judges: Sequence[Judge], device: torch.device) -> str | None:
    """Return the message for an ascent whose step has failed because a model is elsewhere; None if none is.

    It is for afterwards and no check before: some models take images from any device, and move them or their weights
    by themselves.

    Args:
        judges: the models that the ascent asks.
        device: where the picture is.

    Example:
        >>> import torch
        >>> from das_core import load_starter
        >>> from das_core.ascent.devices import describe_mismatch
        >>> describe_mismatch([load_starter()], torch.device("cuda", 0)).partition(";")[0]
        'EfficientNet-Lite0 is on cpu and the picture on cuda:0'
        >>> describe_mismatch([load_starter()], torch.device("cpu")) is None
        True
    """
    for judge in judges:
        devices = {weight.device for weight in judge.module.parameters()}
        if devices and device not in devices:
            return (
                f"{judge.name} is on {judge.device} and the picture on {device}; move the model with "
                f"judge.to('{device}'), or the picture with device='{judge.device}'"
            )
    return None
