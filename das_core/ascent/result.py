"""The outcome of an ascent: records of its steps, its result, and the error that ends it early."""

import io
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..common.files import check_writable, write_atomically
from ..common.images import map_images, to_bytes
from ..common.text import shorten
from ..stack.image_stack import ImageStack

# The share of the pixels that are white in an importance mask. A few pixels have a huge gradient: if only the one with
# the largest gradient were white, nearly all others would be almost black.
_BRIGHT_SHARE = 0.01


class AscentError(ValueError):
    """The error of a step that fails: its gradient is zero or not finite, or the canvas after it is not finite.

    Args:
        message: what failed, and what to do.
        result: the outcome of the steps before the one that failed, such as `render` would have returned after them;
            None if that was the first step.

    Example:
        >>> from das_core import Ascent, AscentError, ImageStack, prior, StackSpec
        >>> ascent = Ascent(ImageStack.gray(StackSpec(width=32, height=32, margin=8)), [prior("total_variation")])
        >>> try:
        ...     ascent.run()
        ... except AscentError as error:
        ...     print(str(error).partition(":")[0])
        the gradient of 'total variation' vanished at step 1
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
        step: the number of the step, from 0. An ascent that starts from the stack of an earlier ascent continues its
            count.
        scores: the score of every objective by its name, as the mean over all views and images, not multiplied by its
            weight. If the images have different weight factors, the mean is weighted by their absolute values.
        gradient_norm: the norm of the gradient that moved the stack. It is one number for the whole batch, taken after
            masks were applied and the gradients of several groups were balanced.
        still: the numbers, from 0, of the images that stood still in this step, because their gradient was zero while
            that of others was not; none for a film or a zoom, whose images move together.

    Example:
        >>> from das_core import Record
        >>> Record(step=0, scores={"jellyfish": 1.5}, gradient_norm=0.02).scores["jellyfish"]
        1.5
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

    Example:
        >>> from das_core import Ascent, ImageStack, prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> for step in Ascent(stack, [prior("total_variation")], steps=2):
        ...     print(step.record.step, round(step.record.scores["total variation"], 3), tuple(step.image().shape))
        0 -0.019 (1, 3, 32, 32)
        1 -0.011 (1, 3, 32, 32)
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
        importance: how large the gradient was at every pixel in all steps together, (B, height, width), 0..1: 0 where
            it was always zero, 1 at the 1 % of the pixels of each image where it was largest. Fel et al. use such a
            mask as the transparency of the picture: Unlocking Feature Visualization for Deeper Networks with MAgnitude
            Constrained Optimization (2023, arXiv 2306.06805, section 3.3).

    Example:
        >>> from das_core import Ascent, ImageStack, prior, StackSpec
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> result = Ascent(stack, [prior("total_variation")], steps=3).run()
        >>> tuple(result.image.shape), tuple(result.importance.shape), len(result.history), result.stack.steps
        ((1, 3, 32, 32), (1, 32, 32), 3, 3)
        >>> result
        Result(32 x 32, 1 image, 3 steps, total variation -0.00521)
    """

    image: Tensor
    stack: ImageStack
    history: tuple[Record, ...]
    importance: Tensor

    def __repr__(self) -> str:
        """Return a text with the size and number of the pictures, the number of steps, and the last recorded scores."""
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
        """Write the pictures to files, each atomically: after an error, what was at its path is still there.

        Args:
            path: the file, in a folder that exists, such as 'castle.png'; its ending names the format. If there are
                several pictures, each file name gets the number of its picture, from 1, as in 'castle_2.png'.

        Returns:
            The paths of the files.

        Raises:
            ValueError: when the ending names no format of pictures, or no file can be written to the path
                (`check_writable`).
            OSError: when a file cannot be written.
        """
        path = check_writable(path)
        kind = Image.registered_extensions().get(path.suffix.lower())
        if kind not in Image.SAVE:
            raise ValueError(
                f"'{shorten(path.name)}' ends with no format of pictures; let it end with .png, .jpg or .webp"
            )
        several = len(self.image) > 1
        paths = [path.with_stem(f"{path.stem}_{n}") if several else path for n in range(1, len(self.image) + 1)]
        for picture, file in zip(self.image.split(1), map(check_writable, paths), strict=True):
            with write_atomically(file) as part:
                Image.fromarray(to_bytes(picture)).save(part, kind)
        return paths


def measure_gradient_strength(gradient: Tensor) -> Tensor:
    """Return how strong a gradient is at every pixel: its norm over the channels, divided by the mean over the image.

    Because of the division, all steps of an ascent count alike when their strengths are added.

    Args:
        gradient: (B, 3, H, W).

    Returns:
        Strengths (B, H, W), with mean 1 in every image; 0 in an image whose gradient is zero.
    """
    return map_images(_measure_strength, gradient)


def _measure_strength(gradient: Tensor) -> Tensor:
    # This is several times faster than `Tensor.norm` over the channels.
    strength = gradient.square().sum(dim=1).sqrt_()
    mean = strength.mean(dim=(1, 2), keepdim=True)
    return strength.div_(mean.clamp(min=torch.finfo(mean.dtype).tiny))


def make_importance_mask(strength: Tensor) -> Tensor:
    """Return the gradient strength of many steps as a mask.

    Args:
        strength: the strength of the gradient at every pixel (`measure_gradient_strength`), summed over the steps, (B,
            h, w).

    Returns:
        A mask (B, h, w), 0..1: in every image the strength, divided by its 99th percentile and cut off at 1. So about
        a hundredth of the pixels have the value 1.
    """
    flat = strength.flatten(1)
    brightest = max(1, round(flat.shape[1] * (1 - _BRIGHT_SHARE)))
    white = flat.kthvalue(brightest, dim=1).values[:, None, None]
    return (strength / white.clamp(min=torch.finfo(white.dtype).tiny)).clamp(0, 1)
