"""Judges of this machine: pictures by each of them, with settings that robust networks or transformers may want.

Transformers see patches, each by itself: stronger noise keeps their grid out of pictures (Ghiasi et al., 2022). The
gradient of a robust network is smooth (Santurkar et al., 2019), and may need less of a denoiser. Measured are the
classifiers in the folders that DAS_JUDGES names (separated as in PATH) and the first starter. A judge other than the
starters changes settings by the best row. The pictures, a row for each setting, are saved beside RESULTS.md as
judges_NAME.jpg.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.ablation import CLASSES
from benchmarks.common import HERE, SEED, save_sheet
from benchmarks.recognition import HEADER, RULE, summarise
from das_core.ascent.denoising import Denoising
from das_core.ascent.recipe import SKETCH, Recipe
from das_core.facade.render import render
from das_core.models.classifier import Classifier
from das_core.models.sources.files import load
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import judge_class
from das_core.views.transforms import Distance, Flip, Grayscale, Noise

SIDE = 448
FILES = {".ckpt", ".pt", ".pth", ".safetensors"}


def _noisy(noise: Noise) -> Recipe:
    transforms = (Flip(), Distance(0.25), Grayscale(), noise)
    return replace(SKETCH, augmentation=replace(SKETCH.augmentation, transforms=transforms))


SETTINGS = {
    "the sketch": SKETCH,
    "half of the denoiser": replace(SKETCH, denoising=Denoising(share=0.15)),
    "no denoiser": replace(SKETCH, denoising=None),
    "twice the noise": _noisy(Noise(2 * Noise().amplitude)),
    "half of the noise": _noisy(Noise(Noise().amplitude / 2)),
    "wider windows (zoom_min 0.6)": replace(
        SKETCH, augmentation=replace(SKETCH.augmentation, windows=replace(SKETCH.augmentation.windows, zoom_min=0.6))
    ),
}


def find_judges() -> list[Classifier]:
    """Return the first starter and the classifiers of ImageNet in the folders that DAS_JUDGES names."""
    folders = [Path(folder) for folder in os.environ.get("DAS_JUDGES", "").split(os.pathsep) if folder]
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in FILES)
    judges = [load_starter(), *map(load, paths)]
    return [judge for judge in judges if isinstance(judge, Classifier) and len(judge.labels) == 1000]


def report() -> str:
    """Make and judge the pictures; return the section for RESULTS.md."""
    held_out = load_starter(SECOND_OPINION)
    rows = []
    for judge in find_judges():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        sheet: list[torch.Tensor] = []
        for title, recipe in SETTINGS.items():
            made = [
                render(judge, target, size=SIDE, recipe=recipe, seed=SEED, device=device, progress=False).image.cpu()
                for target in CLASSES
            ]
            sheet += [image[0] for image in made]
            rows.append(f"| {judge.name} | {title} {summarise(judge_class(held_out, torch.cat(made), CLASSES))}")
            print(rows[-1], flush=True)
        save_sheet(sheet, HERE / f"judges_{re.sub(r'[^A-Za-z0-9]+', '_', judge.name)}.jpg", columns=len(CLASSES))
    table = "\n".join(rows)
    return f"""{len(CLASSES)} classes, {SIDE} x {SIDE}, seed {SEED}, recipe sketch with one change a row. Judge:
{held_out.name}, which never saw an ascent.

| model | changed {HEADER}
|---|---{RULE}
{table}
"""
