"""The protocol of denoisers, and a call that checks their output."""

from typing import Protocol

import torch
from torch import Tensor

_FURTHEST = 0.5  # How far outside 0..1 an output may lie: some overshoot a little; those in -1..1 are refused.


class Denoiser(Protocol):
    """A function that removes fine ripple from images: any callable with this signature and a name.

    It must be deterministic and keep no state.

    Example:
        >>> import torch
        >>> from torchvision.transforms.functional import gaussian_blur
        >>> import direct_ascent as da
        >>> class Blur:
        ...     name = "blur"
        ...     def __call__(self, pixels, strength, scale=1.0, tile=False):
        ...         return gaussian_blur(pixels, [5, 5], [max(strength, 0.01) * 20 * scale] * 2)
        >>> denoiser: da.ascent.Denoiser = Blur()
        >>> denoiser(torch.rand(1, 3, 32, 32), 0.05).shape
        torch.Size([1, 3, 32, 32])
    """

    @property
    def name(self) -> str:
        """The name of the denoiser in messages, such as "total variation"."""
        ...

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return pixels of the same shape, type and device without their ripple.

        Args:
            pixels: (B, 3, H, W), 0..1, which are not changed.
            strength: above 0; differences between pixels up to about this size are ripple. 0.02 removes fine hatching;
                0.1 removes everything but large shapes.
            scale: above 0; the short side of the picture divided by 224. Distances in pixels are multiplied by it.
            tile: whether the picture is a tile, whose opposite edges meet.
        """
        ...


def ask_denoiser(denoiser: Denoiser, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
    """Return the output of a denoiser for pixels (B, 3, H, W), checked, and clamped to 0..1."""
    answer, name = denoiser(pixels, strength, scale, tile), denoiser.name
    fits = isinstance(answer, Tensor) and (answer.shape, answer.device) == (pixels.shape, pixels.device)
    if not fits or answer.layout != torch.strided or not answer.is_floating_point():
        raise ValueError(
            f"the denoiser '{name}' answers {_describe(pixels)} with {_describe(answer)}: it must return as many "
            "images of the same size, on the same device, as a dense tensor of floating-point numbers"
        )
    lowest, highest = torch.stack(answer.aminmax()).tolist()
    # NaN is refused too, because it fails every comparison.
    if not (lowest >= -_FURTHEST and highest <= 1 + _FURTHEST):
        raise ValueError(
            f"the denoiser '{name}' answers with values from {lowest:.3g} to {highest:.3g}, which are no "
            "pixels in 0..1: lower its strength, or take another denoiser"
        )
    return answer.to(pixels.dtype).clamp(0, 1)


def _describe(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{tuple(value.shape)} ({value.dtype}, {value.layout}, on {value.device})"
