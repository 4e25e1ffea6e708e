"""The modes of PyTorch that an ascent needs, whatever mode its caller is in, and judges that cannot run in it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ..common.devices import default_to_cpu
from ..models.judge import Judge


@contextmanager
def own_modes(device: torch.device) -> Iterator[None]:
    """Compute outside inference mode, with gradients and without autocast, which would round canvas and gradient."""
    with default_to_cpu(), torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        yield


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
