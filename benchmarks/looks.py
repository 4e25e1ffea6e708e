"""Looks: seen by the judges while the picture climbs, as a denoiser after every step, and as a filter at the end.

Ten classes of ImageNet, drawn by `random.Random(44)` after the looks were made. The starters guide the ascent;
EfficientNet-Lite2 judges the finished picture. Pictures and their names are kept in a folder that DAS_LOOKS names.
"""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.common import SEED
from das_core.ascent.denoising import Denoising
from das_core.ascent.recipe import SKETCH, Recipe
from das_core.common.images import place_on_canvas
from das_core.facade.render import render
from das_core.looks.catalog import LOOKS
from das_core.looks.look import Look
from das_core.models.sources.starters import SECOND_OPINION, load_starter, load_starters
from das_core.report.recognition import Verdict, judge_class
from das_core.stack.spec import StackSpec

CLASSES = (418, 532, 554, 718, 882, 119, 180, 388, 230, 296)
NAMES = ("pixel art", "poster", "ink", "stained glass", "oil", "cross-stitch")
DENOISED = NAMES[:3]  # Those that are tried as a denoiser, too.
SIDE = 448
MARGIN = StackSpec().margin


@dataclass(frozen=True)
class AsDenoiser:
    """A look in the place of a denoiser; its strength is ignored."""

    look: Look
    name: str = "look"

    def __call__(self, pixels: Tensor, strength: float, scale: float = 1.0, tile: bool = False) -> Tensor:
        """Return pixels (B, 3, H, W) in the look."""
        return self.look(pixels, MARGIN, tile)


def make(target: int, recipe: Recipe = SKETCH, look: Look | None = None) -> Tensor:
    """Return a picture of a class, (1, 3, SIDE, SIDE)."""
    return render(load_starters(), target, size=SIDE, recipe=recipe, look=look, seed=SEED, progress=False).image


def keep(pictures: Tensor, name: str) -> None:
    """Write pictures to the folder that DAS_LOOKS names, if any."""
    from torchvision.transforms.functional import to_pil_image

    if folder := os.environ.get("DAS_LOOKS"):
        for target, picture in zip(CLASSES, pictures, strict=True):
            path = Path(folder, f"{name} {target}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            to_pil_image(picture).save(path)


def tell(verdicts: list[Verdict]) -> str:
    """Return the mean probabilities as they are, from afar and in grey, and how many are named first as they are."""
    means = [sum(answer.score for answer in column) / len(column) for column in zip(*verdicts, strict=True)]
    named = sum(verdict.as_is.rank == 0 for verdict in verdicts)
    return f"{' '.join(f'{mean:.2f}' for mean in means)} ({named})"


def report() -> str:
    """Make and judge the pictures; return the section for RESULTS.md."""
    judge = load_starter(SECOND_OPINION)
    begin = time.perf_counter()
    plain = torch.cat([make(target) for target in CLASSES])
    step = (time.perf_counter() - begin) / len(CLASSES) / SKETCH.steps
    keep(plain, "plain")
    rows, better = [], 0
    for name in NAMES:
        look = LOOKS[name]
        begin = time.perf_counter()
        look(place_on_canvas(plain[:1], (SIDE, SIDE), MARGIN), MARGIN)
        share = (time.perf_counter() - begin) / step
        after = torch.cat([look(picture) for picture in plain.split(1)])
        ways = {"seen": torch.cat([make(target, look=look) for target in CLASSES]), "filter": after}
        if name in DENOISED:
            recipe = replace(SKETCH, denoising=Denoising(AsDenoiser(look), 0.5, 0.5))
            ways["denoiser"] = torch.cat([look(make(target, recipe)) for target in CLASSES])
        verdicts = [judge_class(judge, pictures, CLASSES) for pictures in ways.values()]
        for way, pictures in ways.items():
            keep(pictures, f"{name} {way}")
        scores = [[answer.as_is.score for answer in way] for way in verdicts]
        better += sum(first >= max(others) for first, *others in zip(*scores, strict=True))
        cells = [*map(tell, verdicts), *["-"] * (3 - len(verdicts))]
        rows.append(f"| {name} | {' | '.join(cells)} | {share:.2f} |")
        print(rows[-1], flush=True)
    table = "\n".join(rows)
    return f"""{len(CLASSES)} classes of ImageNet, drawn at random, {SIDE} x {SIDE}, recipe sketch, the starters, seed
{SEED}. Judge: {judge.name}, which never saw the ascent: its mean probability of the class for the finished picture as
it is, from afar and in grey, and in brackets how many of {len(CLASSES)} it names first. Without a look:
{tell(judge_class(judge, plain, CLASSES))}. The last column: the time of the look, in steps of the ascent.

| look | seen | filter after | denoiser | steps |
|---|---|---|---|---|
{table}

In {better} of {len(NAMES) * len(CLASSES)} cases *seen* has the highest probability as it is.
"""
