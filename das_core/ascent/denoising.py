"""A denoiser inside an ascent: Plug-and-Play (Venkatakrishnan et al., GlobalSIP 2013; docs/method.md, The denoiser)."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.coarse_blur import LEAST_DEVIATION, blur_coarsely
from ..common.interruption import allow_interrupt
from ..common.scalars import check_number
from ..denoisers.base import Denoiser, ask_denoiser
from ..denoisers.total_variation import TotalVariation
from ..stack.image_stack import ImageStack, move_canvas
from ..stack.linear_operator import StackOperator
from ..stack.pixels import invert_pixels, render_pixels
from ..stack.spec import StackSpec
from .memory import seeing_whole_canvases
from .spreading import select_images, split_frames


@dataclass(frozen=True)
class Denoising:
    """A denoiser that acts after every step of an ascent.

    It gets the short side divided by 224 as its `scale`, so the same strength suits all sizes.

    Args:
        denoiser: the denoiser.
        strength: the strength at the first step, 0 to 1: differences of pixels (0..1) up to about this size are
            removed. 0.018 suits an ascent with a tilt, 0.035 one without; with 0.1 only flat colours remain.
        end: the strength at the last step, 0 to 1. If it is smaller, texture grows back towards the end.
        share: the share of the way to the denoised form, above 0 and at most 1. Smaller steps of the optimizer need a
            smaller share: 0.3 suits 60 steps of size 0.13, and 0.12 suits 150 steps of size 0.09.
        keep: a threshold, 0 to 1, below which changes of a photograph are undone: the image into which a masked stack
            was placed, or else the start of the stack. It rises linearly from 0. With 0.03, most of the photograph
            comes back around the subject. The denoiser takes twice the time and memory.

    Example:
        >>> import direct_ascent as da
        >>> denoising = da.ascent.Denoising(da.ascent.TotalVariation(), strength=0.04, end=0.02)
        >>> [round(denoising.strength_at(progress), 3) for progress in (0.0, 0.5, 1.0)]
        [0.04, 0.03, 0.02]
    """

    denoiser: Denoiser = field(default_factory=TotalVariation)
    strength: float = 0.018
    end: float = 0.006
    share: float = 0.3
    keep: float = 0.0

    def __post_init__(self) -> None:
        for name in ("strength", "end"):
            check_number(f"a denoiser's {name}", getattr(self, name), 0, 1, "0.03 leaves even surfaces")
        check_number("a denoiser's share", self.share, 0, 1, "0.3 suits 60 steps", above=True)
        check_number("keep", self.keep, 0, 1, "0.03 keeps a photograph around the subject")

    def strength_at(self, progress: float) -> float:
        """Return the strength when this share of the ascent, 0..1, is over."""
        # Exact at both ends: with an `end` of 0, `step` skips the denoiser at the last step.
        return (1 - progress) * self.strength + progress * self.end

    def step(
        self, stack: ImageStack, operator: StackOperator, progress: float, mask: Tensor | None = None
    ) -> ImageStack:
        """Return the stack with its pixels moved a share of the way to their denoised form.

        It sees a masked stack together with its surroundings, so there is no seam. Where `mask` (B, 1, H, W) is 0 the
        picture stays, except that frozen bands spread the change a little.
        """
        if not self.strength_at(progress) and not self.keep * progress:
            return stack
        if stack.spec.time is None:
            return move_canvas(stack, self._smooth(stack.canvas, stack, progress, mask, None), operator)
        canvas = torch.empty_like(stack.canvas)
        for begin, frames in split_frames(range(stack.batch), canvas.device):
            part = slice(begin, begin + len(frames))
            canvas[part] = self._smooth(stack.canvas[part], stack, progress, mask, frames)
        return move_canvas(stack, canvas, operator)

    def _smooth(
        self, canvas: Tensor, stack: ImageStack, progress: float, mask: Tensor | None, frames: list[int] | None
    ) -> Tensor:
        """Return canvases whose pixels are moved by `self.share` of the way to their denoised form."""
        spec, around = stack.spec, stack.surroundings
        shown = render_pixels(canvas, spec.color)
        if around is not None and frames is not None:
            around = around.select(frames)
        seen = shown if around is None else around.composite(shown)
        advice = "take TotalVariation, which needs least, or none"
        with seeing_whole_canvases(f"the denoiser '{self.denoiser.name}'", advice):
            if threshold := self.keep * progress:
                start = stack.start if frames is None else select_images(stack.start, frames)
                kept = render_pixels(start, spec.color) if around is None else around.pixels
                denoised, denoised_kept = self._denoise(torch.cat((seen, kept)), spec, progress).chunk(2)
                # Compared after the same denoiser: the texture that it removes from the photograph is no change.
                denoised = hold_on(denoised, kept, denoised - denoised_kept, threshold, spec.tile)
            else:
                denoised = self._denoise(seen, spec, progress)
        # `seen` may be a mixture of `shown` and the surroundings, so only the change of `seen` is added to `shown`.
        smoothed = invert_pixels(shown.add_(denoised - seen, alpha=self.share), spec.color)
        if mask is not None:
            if frames is not None and len(mask) > 1:
                mask = select_images(mask, frames)
            # lerp returns its first operand unchanged where the mask is 0, and its second where it is 1.
            smoothed = torch.lerp(canvas, smoothed, mask)
        return smoothed

    def _denoise(self, pixels: Tensor, spec: StackSpec, progress: float) -> Tensor:
        strength = self.strength_at(progress)
        if not strength:
            return pixels
        return ask_denoiser(self.denoiser, pixels, strength, min(spec.width, spec.height) / 224, spec.tile)


def hold_on(pixels: Tensor, kept: Tensor, change: Tensor, threshold: float, tile: bool = False) -> Tensor:
    """Return pixels (B, 3, H, W), moved towards `kept`, and equal to it where `change` is weak (docs/method.md)."""
    energy = change.square().mean(dim=1, keepdim=True)
    allow_interrupt()
    height, width = pixels.shape[2:]
    deviation = max(min(height, width) * (1 / 80), LEAST_DEVIATION)
    wrap = min(round(4 * deviation), height, width) if tile else 0
    if wrap:
        energy = F.pad(energy, (wrap,) * 4, mode="circular")
    energy = blur_coarsely(energy, deviation)[..., wrap : wrap + height, wrap : wrap + width]
    allow_interrupt()
    factor = (1 - threshold**2 / energy.clamp(min=torch.finfo(energy.dtype).tiny)).clamp_(0, 1)
    return kept.lerp(pixels, factor)
