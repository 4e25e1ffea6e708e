"""Augmentation: how the views of a canvas are made."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from ..common.interruption import pausing
from ..common.scalars import as_list, check_number, set_fields
from .draws import Draws, ViewKey
from .plain_transforms import AnyTransform, check_made, takes_draws, transform_each, try_transform
from .sampling import Pyramid
from .transforms import Flip, Grayscale, Noise
from .windows import MiddleSquare, ViewGeometry, Windows

MOST_VIEWS = 2**16
"""The most views of an image in a step. The random draws of many more views would fill the memory."""


@dataclass(frozen=True)
class Augmentation:
    """How many views of every image a step shows to a judge, and how these views are made.

    Args:
        views: how many views of every image each step has, 1 to 65,536; all frames of a film or moments of a zoom count
            as one image. A few give a rough gradient, 16 a good one.
        windows: which windows of the canvas views are cut from; by default up to 56 pixels into the margin, if it is so
            wide.
        transforms: what is done to the views after they are cut out and resized, in this order: each a `Transform`, or
            a function of views (1, 3, S, S), 0..1, alone, such as a transform of torchvision (v2) or kornia. Such a
            function is called for each view; what it draws of the generators of PyTorch, NumPy and Python repeats.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> import direct_ascent as da
        >>> transforms = da.views.Flip(), v2.RandomRotation(20), v2.ColorJitter(0.3)
        >>> augmentation = da.views.Augmentation(views=2, transforms=transforms)
        >>> image = torch.full((1, 3, 48, 48), 0.5, requires_grad=True)
        >>> views = augmentation(image, size=24, step=7)
        >>> views.shape, torch.equal(views, augmentation(image, size=24, step=7))
        (torch.Size([2, 3, 24, 24]), True)
        >>> views.mean().backward()  # The gradient is at the image.
        >>> image.grad.shape
        torch.Size([1, 3, 48, 48])
    """

    views: int = 16
    windows: Windows = field(default_factory=lambda: Windows(fitted=True))
    transforms: tuple[AnyTransform, ...] = (Flip(), Grayscale(), Noise())

    def __post_init__(self) -> None:
        check_number("views", self.views, 1, MOST_VIEWS, "16 make a steady step", whole=True)
        set_fields(self, transforms=tuple(as_list("transforms", self.transforms, "(Flip(), Noise())")))
        for transform in self.transforms:
            takes_draws(transform)  # Raises the error for what is no transform.

    def __call__(
        self, images: Tensor, size: int = 224, *, step: int = 0, seed: int = 0, margin: int = 0, progress: float = 1.0
    ) -> Tensor:
        """Return views of images, for a loop of your own: those that an ascent with this seed shows in this step.

        Args:
            images: (B, 3, H, W), 0..1. Views are differentiable functions of them.
            size: the side of the views in pixels.
            step: the number of the step, from 0; each has other windows and draws.
            seed: the seed of all draws.
            margin: how many pixels on each side of the images views seldom show, see `Windows`.
            progress: the share of the loop that is over, 0..1, for windows that begin wide.

        Returns:
            Views (B * views, 3, size, size), 0..1; those of the first image come first.
        """
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            what = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"images are {what}; views are cut from a float tensor (B, 3, H, W), 0..1")
        check_number("size", size, 1, 2**14, "224 is the side of the views of most models", whole=True)
        for name, number in (("step", step), ("seed", seed)):
            check_number(name, number, 0, math.inf, "each has other draws", whole=True)
        keys = [ViewKey(seed, item, step, view) for item in range(len(images)) for view in range(self.views)]
        geometry = ViewGeometry((images.shape[2], images.shape[3]), margin, size)
        return self.make_views(images, geometry, Draws(keys, images.device, progress, progress))

    def make_views(self, pixels: Tensor | Pyramid, geometry: ViewGeometry, draws: Draws) -> Tensor:
        """Return views (V, 3, size, size), 0..1, of canvases (B, 3, H, W) or a `Pyramid` of them, with these draws."""
        transforms: list[tuple[Any, bool]] = [(one, takes_draws(one)) for one in self.transforms]
        if geometry.size not in self._tried:
            for transform in (one for one, drawn in transforms if not drawn):
                try_transform(transform, geometry.size, draws.device)
            self._tried.add(geometry.size)
        views = self.windows(pixels, geometry, draws)
        for transform, drawn in pausing(transforms):
            made = transform(views, draws) if drawn else transform_each(transform, views, draws)
            views = check_made(transform, made, views)
        return views

    @cached_property
    def _tried(self) -> set[int]:
        """The sizes of views at which transforms have shown that they make views."""
        return set()


WHOLE = Augmentation(1, MiddleSquare(), ())
"""One view of the whole picture as it is; of an oblong one the middle square, as in the usual tests of classifiers."""
