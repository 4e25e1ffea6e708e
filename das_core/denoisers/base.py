"""The protocol of denoisers, and a call that checks their output."""

from typing import Protocol

import torch
from torch import Tensor

_FURTHEST = 0.5
"""How far outside 0..1 a value of the output may lie. The limit accepts networks that restore images, whose output lies
a few hundredths outside 0..1 at edges. It refuses networks whose output is in -1..1 or in 0..255."""


class Denoiser(Protocol):
    """A function that removes fine ripple from images.

    Any callable with this signature and a name is a denoiser. It must be deterministic and keep no state.

    Example:
        >>> import torch
        >>> from torchvision.transforms.functional import gaussian_blur
        >>> from das_core import Denoiser
        >>> class Blur:
        ...     name = "blur"
        ...     def __call__(self, pixels, strength, scale=1.0, tile=False):
        ...         return gaussian_blur(pixels, [5, 5], [max(strength, 0.01) * 20 * scale] * 2)
        >>> denoiser: Denoiser = Blur()
        >>> denoiser(torch.rand(1, 3, 32, 32), 0.05).shape
        torch.Size([1, 3, 32, 32])
    """

    @property
    def name(self) -> str:
        """The name of the denoiser in messages, such as "total variation"."""
        ...

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return pixels without their ripple.

        Args:
            pixels: (B, 3, H, W), 0..1, which are not changed.
            strength: above 0; differences between pixels up to about this size are removed as ripple. 0.02 removes fine
                hatching; 0.1 removes everything but large shapes. For a network that ignores the strength, see
                `NetworkDenoiser`.
            scale: above 0; the short side of the picture divided by 224. A detail that is one pixel wide in a picture
                of 224 x 224 pixels is `scale` pixels wide here, so a denoiser multiplies the distances over which it
                works by the scale.
            tile: whether the picture is a tile, whose opposite edges meet.

        Returns:
            Pixels (B, 3, H, W), 0..1, of the same type, on the same device.
        """
        ...


def ask_denoiser(denoiser: Denoiser, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
    """Run a denoiser on pixels, check its output and return it.

    Args:
        denoiser: any denoiser.
        pixels: (B, 3, H, W), 0..1.
        strength: see `Denoiser`.
        scale: see `Denoiser`.
        tile: see `Denoiser`.

    Returns:
        Pixels of the same shape; values up to 0.5 outside 0..1 are clamped to 0..1.

    Raises:
        ValueError: when the output is not a dense tensor of floating-point numbers, of the shape of `pixels` and on
            their device, or when it has values that are NaN or more than 0.5 outside 0..1.

    Example:
        >>> import torch
        >>> from das_core import TotalVariation
        >>> from das_core.denoisers import ask_denoiser
        >>> pixels = torch.tensor([0.5, 0.52, 0.5, 0.9]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
        >>> ask_denoiser(TotalVariation(), pixels, strength=0.02)[0, 0]
        tensor([[0.5081, 0.5105, 0.5130, 0.8885]])
    """
    answer = denoiser(pixels, strength, scale, tile)
    if not isinstance(answer, Tensor) or answer.shape != pixels.shape:
        what = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise ValueError(
            f"the denoiser '{denoiser.name}' answers {tuple(pixels.shape)} with {what}: it must return as many images "
            "of the same size"
        )
    check_kind(denoiser.name, answer)
    if answer.device != pixels.device:
        raise ValueError(
            f"the denoiser '{denoiser.name}' answers on {answer.device} and the picture is on {pixels.device}: move "
            "one of them"
        )
    check_range(denoiser.name, answer)
    return answer.to(pixels.dtype).clamp(0, 1)


def check_range(name: str, answer: Tensor) -> None:
    """Raise a ValueError that names the denoiser when its output has values that are NaN or far outside 0..1."""
    lowest, highest = torch.stack(answer.aminmax()).tolist()
    # NaN is refused too, because it fails every comparison.
    if not (lowest >= -_FURTHEST and highest <= 1 + _FURTHEST):
        raise ValueError(
            f"the denoiser '{name}' answers with values from {lowest:.3g} to {highest:.3g}, which are no "
            "pixels in 0..1: lower its strength, or take another denoiser"
        )


def check_kind(name: str, answer: Tensor) -> None:
    """Raise a ValueError that names the denoiser unless its output is a dense tensor of floating-point numbers.

    Args:
        name: the name of the denoiser.
        answer: its output.
    """
    if answer.layout != torch.strided or not answer.is_floating_point():
        dense = "dense" if answer.layout == torch.strided else "sparse"
        raise ValueError(
            f"the denoiser '{name}' answers with a {dense} tensor of {answer.dtype}: it must return a dense tensor of "
            "floating-point numbers, such as torch.float32"
        )
