"""Helpers of several benchmarks: they load photographs, run an ascent, save sheets of pictures, and time tasks."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import skimage.data
from torch import Tensor
from torchvision.transforms.functional import resize, to_pil_image, to_tensor
from torchvision.utils import make_grid

from das_core.ascent.ascent import Ascent
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.optimizers import Optimizer
from das_core.objectives.objective import Objective
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Flip, Noise

HERE = Path(__file__).parent  # folder of RESULTS.md and of its pictures
SEED = 0  # seed of the ascents, unless a benchmark has seeds of its own
PLAIN = (Flip(), Noise())  # default transforms of views, except for those that shift or remove colours
# Sample photographs that are installed with scikit-image, by the names of the functions that load them
SUBJECTS = (
    "astronaut",
    "brick",
    "camera",
    "cat",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "retina",
    "rocket",
)


def load_photograph(subject: str) -> Tensor:
    """Return the photograph `skimage.data.<subject>`, (1, 3, H, W), 0..1; a grey one has three equal channels."""
    load: Callable[[], np.ndarray] = getattr(skimage.data, subject)
    pixels = load()
    return to_tensor(pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)).unsqueeze(0)


def climb_image(
    objectives: Sequence[Objective],
    stack: ImageStack | None = None,
    augmentation: Augmentation | None = None,
    optimizer: Optimizer | None = None,
    steps: int = 100,
) -> Tensor:
    """Return the image (1, 3, height, width) of an ascent without focus and without denoiser."""
    ascent = Ascent(
        stack or ImageStack.gray(StackSpec(224, 224, levels=linear_levels(336, 4))),
        objectives,
        augmentation or Augmentation(16, transforms=PLAIN),
        steps=steps,
        optimizer=optimizer or NormalizedAscent(step_size=0.06, tilt=0.0),
        schedule="cosine",
        seed=SEED,
        focus=None,
        denoising=None,
    )
    return ascent.run().image


def save_sheet(images: list[Tensor], file: Path, columns: int = 5) -> None:
    """Save images (3, H, W), 0..1, as one picture with `columns` images in a row."""
    small = [resize(image, [min(224, image.shape[1])], antialias=True).clamp(0, 1) for image in images]
    to_pil_image(make_grid(small, nrow=columns)).save(file, quality=88)


def time_by_turns(rounds: int, *tasks: Callable[[], object]) -> list[float]:
    """Return the median seconds of each task over `rounds` rounds, in each of which every task runs once."""
    times: list[list[float]] = [[] for _ in tasks]
    for number in range(rounds + 1):
        for task, taken in zip(tasks, times, strict=True):
            begin = time.perf_counter()
            task()
            if number:
                taken.append(time.perf_counter() - begin)
    return [sorted(taken)[len(taken) // 2] for taken in times]
