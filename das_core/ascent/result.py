"""The outcome of an ascent: records of its steps, its result, and the error that ends it early."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from ..common.files import check_writable, write_atomically
from ..common.images import map_images, to_bytes
from ..common.text import shorten
from ..stack.image_stack import ImageStack
from ..stack.vector import draw_svg
from .within import Within

KEYWORD = "direct_ascent"  # Of the text in a .png that says how the picture was made.


class AscentError(ValueError):
    """The error of a step that fails: its gradient is zero or not finite, or the canvas after it is not finite.

    Args:
        message: what failed, and what to do.
        result: the outcome of the steps before; None if the first step failed.
    """

    def __init__(self, message: str, result: "Result | None" = None) -> None:
        super().__init__(message)
        self.result = result


class VanishedError(AscentError):
    """The error of a step whose gradient is zero: no change of the picture changes the scores."""


@dataclass(frozen=True)
class Record:
    """The measurements of one step, at the canvas before the step.

    Args:
        step: the number of the step, from 0; an ascent that continues a stack continues its count.
        scores: the mean score of every objective over all views and images, by name and without its weight.
        gradient_norm: the norm of the gradient that moved the stack, over the whole batch.
        still: the numbers, from 0, of the images whose gradient was zero while that of others was not.
    """

    step: int
    scores: dict[str, float]
    gradient_norm: float
    still: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Step:
    """One finished step of an ascent.

    Args:
        record: the measurements at the canvas before the step.
        stack: the stack after the step.
    """

    record: Record
    stack: ImageStack

    def image(self) -> Tensor:
        """Render the picture (B, 3, height, width), 0..1, after the step."""
        return self.stack.image()


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The outcome of the steps that an ascent has done.

    Args:
        image: the picture, (B, 3, height, width), 0..1.
        stack: the stack after the last step; another ascent can continue from it.
        history: the record of every step.
        importance: how large the gradient was at every pixel in all steps together, (B, height, width), 0..1, with 1 at
            the largest 1 % of each image. Fel et al. use it as transparency (2023, arXiv 2306.06805, section 3.3).
        within: the bound that the ascent kept; None for none.

    Example:
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> result = da.Ascent(stack, [da.prior("total_variation")], steps=3).run()
        >>> tuple(result.image.shape), tuple(result.importance.shape), len(result.history), result.stack.steps
        ((1, 3, 32, 32), (1, 32, 32), 3, 3)
        >>> result
        Result(32 x 32, 1 image, 3 steps, total variation -0.00504)
    """

    image: Tensor
    stack: ImageStack
    history: tuple[Record, ...]
    importance: Tensor
    within: Within | None = None

    def __repr__(self) -> str:
        batch, _, height, width = self.image.shape
        scores = [f"{name} {score:.3g}" for name, score in (self.history[-1].scores if self.history else {}).items()]
        images = "1 image" if batch == 1 else f"{batch} images"
        return f"Result({', '.join([f'{width} x {height}', images, f'{len(self.history)} steps', *scores])})"

    def _repr_png_(self) -> bytes:
        """Return the pictures side by side as a PNG, which a notebook shows."""
        file = io.BytesIO()
        Image.fromarray(to_bytes(self.image)).save(file, "png")
        return file.getvalue()

    def save(self, path: Path | str) -> list[Path]:
        """Write the pictures to files, each atomically, and return their paths; a .png says how they were made.

        Args:
            path: the file, in a folder that exists; its ending names the format: .svg is for looks of flat colours,
                see `draw_svg`. Of several pictures, each file name gets a number from 1, as in 'castle_2.png'.

        Raises:
            ValueError: when the ending names no format of pictures, the format breaks the bound of the ascent, or no
                file can be written to the path.
        """
        path = check_writable(path)
        drawn = path.suffix.lower() == ".svg"
        kind = Image.registered_extensions().get(path.suffix.lower())
        if kind not in Image.SAVE and not drawn:
            raise ValueError(
                f"'{shorten(path.name)}' ends with no format of pictures; let it end with .png, .jpg, .webp or .svg"
            )
        several = len(self.image) > 1
        paths = [path.with_stem(f"{path.stem}_{n}") if several else path for n in range(1, len(self.image) + 1)]
        for number, file in enumerate(map(check_writable, paths)):
            with write_atomically(file) as part:
                if drawn:
                    part.write_text(draw_svg(self.stack, number), encoding="utf-8")
                else:
                    picture = self.image[number : number + 1]
                    Image.fromarray(to_bytes(picture)).save(part, kind, **self._write_settings(path))
                    if self.within is not None:
                        start = replace(self.stack, canvas=self.stack.start).image()[number : number + 1]
                        self.within.check_file(part, path.name, picture, start)
        return paths

    def _write_settings(self, path: Path | str) -> dict[str, Any]:
        """Return what Pillow is told so that a file says how the pictures were made, if it can."""
        if self.stack.settings is None or Path(path).suffix.lower() != ".png":
            return {}
        info = PngInfo()
        info.add_text(KEYWORD, json.dumps(self.stack.settings))
        return {"pnginfo": info}


def measure_gradient_strength(gradient: Tensor) -> Tensor:
    """Return the norm (B, H, W) of a gradient (B, 3, H, W), scaled to mean 1, so that all steps count alike."""

    def measure(part: Tensor) -> Tensor:
        # This is several times faster than `Tensor.norm` over the channels.
        strength = part.square().sum(dim=1).sqrt_()
        mean = strength.mean(dim=(1, 2), keepdim=True)
        return strength.div_(mean.clamp(min=torch.finfo(mean.dtype).tiny))

    return map_images(measure, gradient)


def make_importance_mask(strength: Tensor) -> Tensor:
    """Return the strengths (B, h, w) of all steps as a mask, 0..1: divided by their 99th percentile in every image."""
    flat = strength.flatten(1)
    # A few pixels have a huge gradient: if they alone were white, nearly all others would be almost black.
    brightest = max(1, round(flat.shape[1] * 0.99))
    white = flat.kthvalue(brightest, dim=1).values[:, None, None]
    return (strength / white.clamp(min=torch.finfo(white.dtype).tiny)).clamp(0, 1)
