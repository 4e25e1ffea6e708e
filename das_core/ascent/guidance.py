"""Short ascents that steer a diffusion model: docs/method.md; Bansal et al., 2023, arXiv 2302.07121, section 3.3."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.masks import mean_square
from ..common.modes import own_modes
from ..common.scalars import check_number
from ..objectives.objective import Objective, join_objectives
from ..stack.image_stack import ImageStack
from ..stack.levels import linear_levels
from ..stack.size import SMALLEST_SIDE, widen_margin
from ..stack.spec import StackSpec
from ..views.augmentation import Augmentation
from ..views.windows import Windows
from .ascent import Ascent
from .normalized_ascent import NormalizedAscent
from .optimizers import LARGEST
from .pace import Pace
from .preparation import MOST_STEPS, check_seed

FULL_CHANGE = 0.1  # The RMS of the change of a latent at a strength of 1, as a share of the latent's deviation.
_ASPECT_TOLERANCE = 0.03  # Of region and picture: latents round sides to multiples of 8 or 16 pixels.
_TOLERANCE = 1e-4  # The largest relative difference of equal noise levels: samplers recompute them in float32.


@dataclass(frozen=True)
class Guidance:
    """How objectives guide a diffusion model.

    Args:
        objective: what is asked for; a list becomes a sum. Weights change with the progress of the guided part.
        augmentation: how the judges see the picture; by default 16 views that may reach beyond it by a quarter of its
            short side, but at most by 56 pixels.
        steps: the steps of ascent at each guided step; 1 is fastest, 3 give a steadier direction.
        strength: how much a guided step changes the latent, from 0 up: at 1, by a tenth of its standard deviation.
        seed: the seed of the random draws of the views, 0 or above.
    """

    objective: Objective
    augmentation: Augmentation | None = None
    steps: int = 3
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", join_objectives(self.objective, "guide by"))
        check_number("steps", self.steps, 1, MOST_STEPS, "3 are steady", whole=True)
        usual = "0 does not guide, 1 is usual; to lead away from something give its objective a weight below 0"
        check_number("strength", self.strength, 0, LARGEST, usual)
        check_seed(self.seed)

    @own_modes()
    def start_ascent(self, pictures: Tensor, pace: Pace, number: int) -> Ascent:
        """Return the ascent of a guided step, before its first step.

        It shows the pictures a little paler: its change is the difference of two `stack.image()`, not from `pictures`.

        Args:
            pictures: what the model predicts, (B, 3, H, W), 0..1.
            pace: the pace of all steps of the ascent, from `pace_at_noise`.
            number: the number of the sampler's step; each has random draws of its own.

        Raises:
            ValueError: when the pictures are too small or not finite, or objectives or regions do not fit them.
        """
        height, width = pictures.shape[2:]
        if min(height, width) < SMALLEST_SIDE:
            raise ValueError(
                f"the picture is {width} x {height} pixels, too small to be looked at; make the latent larger, so that "
                f"the picture has at least {SMALLEST_SIDE} a side"
            )
        check_aspects(self.objective, (height, width))
        augmentation = self.augmentation or Augmentation(windows=Windows(jitter=min(56, min(height, width) // 4)))
        margin = widen_margin(width, height, augmentation.windows.jitter)
        # The coarsest level has a single sample, so that few steps can change light and colour of the whole picture.
        levels = linear_levels(max(width, height) + 2 * margin, 4)
        spec = StackSpec(width=width, height=height, margin=margin, levels=levels)
        stack = ImageStack.from_image(spec, pictures)
        return Ascent(
            # The random draws depend on the number of steps that the stack has done.
            replace(stack, start=stack.canvas, steps=number * self.steps),
            self.objective,
            augmentation,
            steps=self.steps,
            seed=self.seed,
            focus=None,
            pace=pace,
            # The step size hardly matters, for `scale_change` scales the sum of the steps, and the sampler smooths it.
            optimizer=NormalizedAscent(0.08, tilt=0.0),
            denoising=None,
        )

    def scale_change(self, latent: Tensor, change: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return a change of a latent, scaled to the strength of the guidance; the caller adds it to the latent.

        The RMS of the change of every image becomes `strength` times a tenth of the standard deviation of its latent.

        Args:
            latent: the latent that the model predicts, (B, C, h, w).
            change: the direction of the change, (B, C, h, w); one of all 0 stays 0.
            mask: where the objectives act, (B or 1, 1, H, W) of any size, 0..1, and the RMS is taken; None: everywhere.
        """
        if mask is not None:
            mask = F.interpolate(mask.to(change), size=change.shape[2:], mode="area").expand(len(change), -1, -1, -1)
        deviation = (latent - latent.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
        size = mean_square(change, mask).mean(dim=1, keepdim=True).sqrt()
        scale = self.strength * FULL_CHANGE * deviation / size.clamp(min=torch.finfo(size.dtype).tiny)
        return change * torch.where(size == 0, 0.0, scale)


def check_aspects(objective: Objective, shape: tuple[int, int]) -> None:
    """Raise a ValueError when a region was painted for a picture (height, width) of another aspect ratio."""
    height, width = shape
    for term in objective.terms:
        for mask in term.regions:
            tall, wide = mask.shape[-2:]
            if abs(wide * height / (tall * width) - 1) > _ASPECT_TOLERANCE:
                raise ValueError(
                    f"the region of '{term.name}' is {wide} x {tall} pixels and the picture {width} x {height}, "
                    "of another aspect: paint the mask on a picture of that aspect, or make the picture as oblong as it"
                )


@dataclass(frozen=True)
class GuidedStep:
    """A guided step: its number in the sampler, from 0, and the share of the guided part that is over, 0..1."""

    number: int
    progress: float
    is_last: bool


@dataclass(frozen=True)
class GuidedSteps:
    """The guided steps of a sampling run: every n-th one in a part of the way from noise, 0, to the picture, 1."""

    start_percent: float = 0.0
    end_percent: float = 1.0
    every: int = 1

    def __post_init__(self) -> None:
        for name in ("start_percent", "end_percent"):
            check_number(name, getattr(self, name), 0, 1, "0 is pure noise, 1 the finished picture")
        if self.start_percent >= self.end_percent:
            raise ValueError(
                f"start_percent {self.start_percent} is not below end_percent {self.end_percent}, so no step would be "
                "guided; lower the first or raise the second"
            )
        check_number("every", self.every, 1, math.inf, "1 guides each step, 2 every second one", whole=True)

    def find(self, sigma: float, levels: Sequence[float], highest: float, lowest: float) -> GuidedStep | None:
        """Return the guided step that a noise level belongs to; None if that step is not guided. Steps begin at the
        falling `levels` (the last one is the end), and include calls of the model below them."""
        begins = list(levels[:-1])
        number = max(0, sum(level >= sigma * (1 - _TOLERANCE) for level in begins) - 1)
        least, most = lowest * (1 - _TOLERANCE), highest * (1 + _TOLERANCE)
        inside = [step for step, level in enumerate(begins) if least <= level <= most]
        guided = inside[:: self.every]
        if number not in guided:
            return None
        place = guided.index(number)
        return GuidedStep(number, place / max(1, len(guided) - 1), place == len(guided) - 1)
