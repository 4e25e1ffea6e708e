"""The error message for a model that is on another device than the picture."""

from collections.abc import Sequence

import torch

from ..models.judge import Judge


def describe_mismatch(judges: Sequence[Judge], device: torch.device) -> str | None:
    """Return the error message for a failed step if a model is on another device than the picture; else None.

    Call it after a step has failed, not before: a mismatch alone is no error, because some models take images from any
    device, and move the images or their own weights.

    Args:
        judges: the models of the ascent.
        device: the device of the picture.

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
