"""The modes of PyTorch that an ascent needs, whatever mode its caller is in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ..models.judge import Judge


@contextmanager
def own_modes(device: torch.device) -> Iterator[None]:
    """Compute outside inference mode, with gradients and without autocast for as long as the `with` block runs.

    Autocast would round the canvas and the gradient to half precision. Judges do not need autocast: they compute in the
    precision of their weights.

    Args:
        device: the device of the computation.

    Example:
        >>> import torch
        >>> from das_core.ascent.modes import own_modes
        >>> with torch.inference_mode(), own_modes(torch.device("cpu")):
        ...     torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        (True, False)
    """
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        yield


def check_differentiable(judges: Sequence[Judge]) -> None:
    """Check that gradients can pass through every one of the judges.

    Raises:
        ValueError: when weights of a judge were loaded under `torch.inference_mode()`: tensors made in this mode
            can never take part in autograd.
    """
    for judge in judges:
        if any(weight.is_inference() for weight in judge.module.parameters()):
            raise ValueError(
                f"{judge.name} was loaded under torch.inference_mode(), so no gradient can pass through it: load it "
                "outside of that block"
            )
