"""Quality with images as targets: reconstruction from an embedding, and an ascent from one photograph toward another.

The climbed CLIP and the judge are starter CLIPs; the judge takes no part in the ascents, and only rates pictures. The
image encoders of the two are classifiers of different sizes that were trained separately.
"""

import torch
from skimage.metrics import structural_similarity
from tqdm import tqdm

import direct_ascent as da
from benchmarks.common import HERE, SUBJECTS, climb_image, load_photograph, save_sheet
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.models.clip import CLIP
from das_core.models.sources.starters import SECOND_OPINION, STARTER, load_starter_clip
from das_core.stack.image_stack import ImageStack
from das_core.stack.levels import linear_levels
from das_core.stack.spec import StackSpec

PAIRS = (("astronaut", "coffee"), ("cat", "rocket"), ("coffee", "grass"), ("rocket", "cat"), ("camera", "retina"))
BLEND_CONTRAST, BLEND_STEPS = 0.9, 60
BLEND = NormalizedAscent(step_size=0.04, coarse_to_fine=0.0, tilt=0.0)


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its pictures in the same folder."""
    climber, judge = load_starter_clip(STARTER), load_starter_clip(SECOND_OPINION)
    return f"""Climber: {climber.name}. Judge: {judge.name}, which never saw the ascent. Photographs: the
{len(SUBJECTS)} single ones in the package of scikit-image. Seed 0.

{_reconstructions(climber, judge)}

{_blends(climber, judge)}"""


def _reconstructions(climber: CLIP, judge: CLIP) -> str:
    """Return the text about images made from the embedding of a photograph, and save a sheet of these images."""
    photographs = {subject: load_photograph(subject) for subject in SUBJECTS}
    images = torch.cat(
        [climb_image([da.image(image).on(climber)]) for image in tqdm(photographs.values(), desc="reconstruction")]
    )
    save_sheet(list(images), HERE / "image_targets_reconstruction.jpg")
    found = {}
    for clip in (judge, climber):
        targets = torch.cat([clip.encode_images(image) for image in photographs.values()])
        table = clip.encode_images(images) @ targets.T
        found[clip.name] = [SUBJECTS[int(best)] for best in table.argmax(dim=1)]
    share = {name: sum(map(str.__eq__, SUBJECTS, chosen)) / len(SUBJECTS) for name, chosen in found.items()}
    rows = "\n".join(f"| {' | '.join(row)} |" for row in zip(SUBJECTS, *found.values(), strict=True))
    return f"""Reconstruction from the embedding alone, 100 steps: {share[judge.name]:.0%} of the images are nearest
to their own photograph by the judge, {share[climber.name]:.0%} by the climber itself.

| photograph | nearest by the judge | nearest by the climber |
|---|---|---|
{rows}

![reconstructions](image_targets_reconstruction.jpg)"""


def _blends(climber: CLIP, judge: CLIP) -> str:
    """Return the text about ascents from one photograph toward another, and save a sheet of their pictures."""
    rows, images = [], []
    for begin, end in tqdm(PAIRS, desc="blend"):
        target = load_photograph(end)
        stack = ImageStack.from_image(
            StackSpec(224, 224, levels=linear_levels(336, 4)), load_photograph(begin), contrast=BLEND_CONTRAST
        )
        image = climb_image([da.image(target).on(climber)], stack, optimizer=BLEND, steps=BLEND_STEPS)
        images += [stack.image()[0], image[0]]
        pair = stack.image(), image
        before, after = (float(judge.encode_images(shown) @ judge.encode_images(target).T) for shown in pair)
        kept = structural_similarity(*(shown[0].numpy() for shown in pair), channel_axis=0, data_range=1.0)
        rows.append(f"| {begin} | {end} | {before:.3f} | {after:.3f} | {kept:.2f} |")
    save_sheet(images, HERE / "image_targets_blend.jpg")
    table = "\n".join(rows)
    return f"""Blend: the ascent starts from one photograph and climbs toward the embedding of another, in
60 steps of 16 views, otherwise with the recipe style and one starter CLIP; the levels are 1, 5, 9 and so on.

| from | toward | cosine to the second before, by the judge | after | structural similarity to the first |
|---|---|---|---|---|
{table}

![pairs: before, after](image_targets_blend.jpg)
"""
