"""Makes the content of the pictures of the help pages: ascents of a few steps, and views of one picture."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import skimage.data
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.functional import to_tensor

from das_core import (
    Ascent,
    Augmentation,
    Classifier,
    ClassObjective,
    Denoising,
    ImageStack,
    NormalizedAscent,
    Objective,
    Result,
    StackSpec,
    Transform,
    load_starter,
)
from das_core.views import Draws, ViewGeometry, ViewKey
from generators.help_pictures import read_thumbnail, to_picture

STEPS = 30
VIEWS = 8


def climb(
    objective: Objective,
    stack: ImageStack | None = None,
    *more: Objective,
    steps: int = STEPS,
    denoising: Denoising | Literal["auto"] | None = "auto",
) -> Result:
    """Return the result of a short ascent under `objective` and `more`; without a stack, from grey (224 x 224).

    `denoising` has the same meaning as in `Ascent`.
    """
    stack = stack or ImageStack.gray(StackSpec(width=224, height=224))
    optimizer = NormalizedAscent(step_size=0.12, momentum=0.0)
    views = Augmentation(views=VIEWS)
    return Ascent(stack, [objective, *more], views, steps=steps, optimizer=optimizer, seed=1, denoising=denoising).run()


def ask_for(classes: str, model: Classifier | None = None) -> ClassObjective:
    """Return the objective that asks a classifier, by default EfficientNet-Lite0, for classes."""
    return ClassObjective.from_text(model or load_starter(), classes)


def draw(objective: Objective, stack: ImageStack | None = None, *more: Objective, steps: int = STEPS) -> Image.Image:
    """Return the picture of a short ascent under `objective` and `more`; without a stack, from grey (224 x 224)."""
    return to_picture(climb(objective, stack, *more, steps=steps).image)


@cache
def climb_castle() -> Result:
    """Return the result of an ascent that several pictures show. The ascent runs only once."""
    return climb(ask_for("castle"))


def photograph(side: int = 224) -> Tensor:
    """Return a square photograph of a cat, (1, 3, side, side)."""
    picture = ImageOps.fit(Image.fromarray(skimage.data.chelsea()), (side, side), Image.Resampling.LANCZOS)
    image: Tensor = to_tensor(picture)[None]
    return image


def stack_photograph() -> ImageStack:
    """Return a stack that starts from a photograph of a cat, 224 x 224 pixels."""
    return ImageStack.from_image(StackSpec(width=224, height=224), photograph())


def draw_views(transforms: Sequence[Transform] | None = None, count: int = 4) -> list[Image.Image]:
    """Return views of the thumbnail of the example workflow class_to_image, as pictures.

    If `transforms` is None, the views are those of a default `Augmentation`, with its windows, as a model sees them.
    Otherwise each view is the whole picture, changed by the transforms.
    """
    augmentation = Augmentation(views=count)
    image = to_tensor(read_thumbnail("class_to_image").resize((336, 336)))[None]
    draws = Draws([ViewKey(seed=3, item=0, step=0, view=view) for view in range(count)], torch.device("cpu"))
    if transforms is None:
        views = augmentation(image, ViewGeometry(canvas=(336, 336), margin=56, size=224), draws)
    else:
        views = image.expand(count, -1, -1, -1)
        for transform in transforms:
            views = transform(views, draws)
    return [to_picture(view[None]) for view in views]
