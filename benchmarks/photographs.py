"""How good with images as targets: reconstruction from an embedding, and one image drawn to the look of another.

Climber and judge are starter CLIPs on classifiers of different size and training run.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
import torch
from quality import sheet
from skimage.metrics import structural_similarity
from torch import Tensor
from torchvision.transforms.functional import to_tensor
from tqdm import tqdm
from words import climbed

from das_core.models.clip import CLIP
from das_core.models.starter import SECOND_OPINION, STARTER
from das_core.models.starter_clip import load_starter_clip
from das_core.objectives.image import image_objective
from das_core.optimizers import UnitAscent
from das_core.stack import ImageStack, StackSpec

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
"""The single photographs inside the package of scikit-image, by the names of their functions."""

PAIRS = (("astronaut", "coffee"), ("cat", "rocket"), ("coffee", "grass"), ("rocket", "cat"), ("camera", "retina"))
BLEND_CONTRAST, BLEND_STEPS, BLEND = 0.9, 60, UnitAscent(step_size=0.04, coarse_to_fine=0.0)
"""What example_workflows/api/style_blend.json sets."""

HERE = Path(__file__).parent


def photograph(subject: str) -> Tensor:
    """A sample photograph (1, 3, H, W), 0..1; a grey one in three equal channels."""
    load: Callable[[], np.ndarray] = getattr(skimage.data, subject)
    pixels = load()
    return to_tensor(pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)).unsqueeze(0)


def report() -> str:
    """The section of RESULTS.md; the images go beside it."""
    climber, judge = load_starter_clip(STARTER), load_starter_clip(SECOND_OPINION)
    return f"""Climber: {climber.name}. Judge: {judge.name}, which never saw the ascent. Photographs: the
{len(SUBJECTS)} single ones in the package of scikit-image. Seed 0.

{_reconstructions(climber, judge)}

{_blends(climber, judge)}"""


def _reconstructions(climber: CLIP, judge: CLIP) -> str:
    """From the embedding of each photograph alone: which photograph the judge takes the image for."""
    photographs = {subject: photograph(subject) for subject in SUBJECTS}
    images = torch.cat(
        [climbed([image_objective(climber, image)]) for image in tqdm(photographs.values(), desc="reconstruction")]
    )
    sheet(list(images), HERE / "quality_reconstruction.jpg")
    found = {}
    for clip in (judge, climber):
        targets = torch.cat([clip.encode_images(image) for image in photographs.values()])
        table = clip.encode_images(images) @ targets.T
        found[clip.name] = [SUBJECTS[int(best)] for best in table.argmax(dim=1)]
    share = {name: sum(map(str.__eq__, SUBJECTS, chosen)) / len(SUBJECTS) for name, chosen in found.items()}
    rows = "\n".join(f"| {' | '.join(row)} |" for row in zip(SUBJECTS, *found.values(), strict=True))
    return f"""Reconstruction from the embedding alone, node defaults: {share[judge.name]:.0%} of the images are nearest
to their own photograph by the judge, {share[climber.name]:.0%} by the climber itself.

| photograph | nearest by the judge | nearest by the climber |
|---|---|---|
{rows}

![reconstructions](quality_reconstruction.jpg)"""


def _blends(climber: CLIP, judge: CLIP) -> str:
    """From one photograph toward another, with the settings of example_workflows/style_blend."""
    rows, images = [], []
    for begin, end in tqdm(PAIRS, desc="blend"):
        target = photograph(end)
        stack = ImageStack.from_image(StackSpec(), photograph(begin), contrast=BLEND_CONTRAST)
        image = climbed([image_objective(climber, target)], stack, optimizer=BLEND, steps=BLEND_STEPS)
        images += [stack.image()[0], image[0]]
        pair = stack.image(), image
        before, after = (float(judge.encode_images(shown) @ judge.encode_images(target).T) for shown in pair)
        kept = structural_similarity(*(shown[0].numpy() for shown in pair), channel_axis=0, data_range=1.0)
        rows.append(f"| {begin} | {end} | {before:.3f} | {after:.3f} | {kept:.2f} |")
    sheet(images, HERE / "quality_blend.jpg")
    table = "\n".join(rows)
    return f"""Blend, with the settings of the workflow style_blend: the ascent starts from one photograph and climbs
toward the embedding of another.

| from | toward | cosine to the second before, by the judge | after | structural similarity to the first |
|---|---|---|---|---|
{table}

![pairs: before, after](quality_blend.jpg)
"""
