"""Morphs of pairs of classes in three ways: films, two ascents one after another, and an ascent for every frame.

A held-out classifier gives the probabilities of both classes in every frame. The flicker of the frames is measured too.
EfficientNet-Lite0 guides the ascents; EfficientNet-Lite2 is the judge. The ten pairs were drawn at random after the
settings had been chosen. The third way, an ascent for every frame, is measured with the first pair only.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import save_image
from tqdm import tqdm

import direct_ascent as da
from benchmarks.ablation import CLASSES
from benchmarks.common import HERE, SEED, save_sheet
from benchmarks.films import RECIPE, measure_changes
from das_core.ascent.recipe import SKETCH
from das_core.common.curves import interpolate
from das_core.models.classifier import Classifier
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.change import over_keyframes
from das_core.stack.bands import FINEST
from das_core.stack.edit import edit_stack
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.stack.time import Time

DRAW = 24  # seed with which the pairs are drawn
COUNT = 10
FRAMES = 12
SIDE = 224

_DRAWN = random.Random(DRAW).sample([index for index in range(1000) if index not in CLASSES], 2 * COUNT)
PAIRS = tuple(zip(_DRAWN[::2], _DRAWN[1::2], strict=True))

SHEET = HERE / "morphs.jpg"
SHOWN = 4  # number of pairs that the sheet shows
# The folder that keeps the frames of each film for later runs, and a sheet of these frames
FOLDER = HERE.parent / "build" / "morphs"
_FALL = 0.02  # A film counts as monotone if its `Film.shares` fall by at most this value from one frame to the next


@dataclass(frozen=True)
class Film:
    """A film from one class to another, and what a judge measures in it."""

    frames: Tensor
    shares: Sequence[float]
    ends: tuple[bool, bool]

    @property
    def monotone(self) -> bool:
        """Whether the share of the second class never falls by more than 0.02 from one frame to the next."""
        return all(after >= before - _FALL for before, after in zip(self.shares, self.shares[1:], strict=False))

    @property
    def flicker(self) -> float:
        """The sum of the changes between neighbouring frames, divided by the change from the first frame to the
        last."""
        across = float((self.frames[-1] - self.frames[0]).abs().mean())
        # The last of the changes leads from the last frame back to the first.
        return sum(measure_changes(self.frames)[:-1]) / across


def make_film(model: Classifier, first: int, last: int) -> Tensor:
    """Return the frames of a film from the class `first` to the class `last`; one ascent optimises them together."""
    stack = ImageStack.gray(StackSpec(SIDE, SIDE, time=Time(FRAMES)))
    wishes = over_keyframes({0: first, FRAMES - 1: last}, lambda index: da.classes(index, "share").on(model))
    return RECIPE.prepare(stack, wishes, seed=SEED).run().image


def make_one_after_another(model: Classifier, first: int, last: int) -> Tensor:
    """Return `FRAMES` pictures: one of the class `first`, then those of an ascent from it toward the class `last`."""
    begin = RECIPE.prepare(
        ImageStack.gray(StackSpec(SIDE, SIDE)), da.classes(first, "logit").on(model), seed=SEED
    ).run()
    faded = edit_stack(begin.stack, gains=[((1, 16), 0.7), ((17, FINEST), 0.3)])
    ascent = replace(RECIPE, focus=None).prepare(faded, da.classes(last, "logit").on(model), seed=SEED)
    frames = [begin.image] + [step.image() for step in ascent]
    chosen = torch.linspace(0, len(frames) - 1, FRAMES).round().long().tolist()
    return torch.cat([frames[index] for index in chosen])


def make_frame_by_frame(model: Classifier, first: int, last: int) -> Tensor:
    """Return a picture for every frame, each from an ascent of its own with the recipe sketch."""
    frames = []
    for position in torch.linspace(0, 1, FRAMES).tolist():
        share = interpolate(0.0, 1.0, "cosine", position)
        weights = ((first, 1 - share), (last, share))
        wishes = [(weight * da.classes(index, "share").on(model)) for index, weight in weights]
        stack = ImageStack.gray(StackSpec(SIDE, SIDE))
        frames.append(SKETCH.prepare(stack, [wish for wish in wishes if wish.terms[0].weight], seed=SEED).run().image)
    return torch.cat(frames)


# The three ways to make the frames from a model and two classes, by their names in the table
WAYS = {"film": make_film, "one after another": make_one_after_another, "frame by frame": make_frame_by_frame}


def judge_film(judge: Classifier, frames: Tensor, first: int, last: int) -> Film:
    """Return the `Film` of frames (T, 3, H, W), with what a judge measures in them."""
    probabilities = judge.probabilities(frames)
    both = probabilities[:, [first, last]]
    shares = (both[:, 1] / both.sum(dim=1).clamp(min=1e-9)).tolist()
    top = probabilities.argmax(dim=1)
    return Film(frames, shares, (bool(top[0] == first), bool(top[-1] == last)))


def make_or_read(way: str, model: Classifier, first: int, last: int) -> Tensor:
    """Return the frames from the class `first` to the class `last`, made in one way, `way`, of `WAYS`."""
    path: Path = FOLDER / f"{first}_{last}_{way.replace(' ', '_')}.pt"
    if not path.is_file():
        frames = WAYS[way](model, first, last)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(frames, path.with_suffix(".png"), nrow=FRAMES // 2)
        torch.save(frames, path)
    return torch.load(path, weights_only=True)


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its sheet of pictures in the same folder."""
    model, judge, labels = load_starter(), load_starter(SECOND_OPINION), imagenet_labels()
    found: dict[str, list[Film]] = {way: [] for way in WAYS}
    for first, last in tqdm(PAIRS, unit="pair"):
        for way in WAYS:
            # Only the first pair is made frame by frame, because that takes about twice as long as a film.
            if way != "frame by frame" or not found[way]:
                found[way].append(judge_film(judge, make_or_read(way, model, first, last), first, last))
    save_sheet([frame for film in found["film"][:SHOWN] for frame in film.frames], SHEET, columns=FRAMES)
    rows = "\n".join(_make_row(way, films) for way, films in found.items())
    pairs = "\n".join(
        f"| {labels.name(first)} to {labels.name(last)} | {', '.join(f'{share:.2f}' for share in film.shares)} |"
        for (first, last), film in zip(PAIRS, found["film"], strict=True)
    )
    return f"""{COUNT} pairs of classes drawn at random (seed {DRAW}), {FRAMES} frames of {SIDE} x {SIDE}, {model.name},
seed {SEED}. Judge: {judge.name}. Film: one ascent of all frames. One after another: a picture of the first class, whose
levels are then weakened, and an ascent from there to the second, with twice the
work. Frame by frame: an ascent for each frame, with the recipe sketch and the weights of the film (one pair). Flicker:
the sum of the changes from frame to frame, divided by the change from the first frame to the last. Monotone: the share
of the second class in the sum of both probabilities never falls by more than {_FALL}.

| kind | pairs | flicker | largest change | monotone | first class first in the first frame | second in the last |
|---|---|---|---|---|---|---|
{rows}

The share of the second class in the frames of the films:

| pair | frames |
|---|---|
{pairs}

![The films of the first {SHOWN} pairs, one a row]({SHEET.name})
"""


def _make_row(way: str, films: Sequence[Film]) -> str:
    """Return the table row for the films that were made in one way, `way`, of `WAYS`."""
    flicker = sum(film.flicker for film in films) / len(films)
    # The last of the changes leads from the last frame back to the first.
    largest = max(max(measure_changes(film.frames)[:-1]) for film in films)
    counts = [
        sum(film.monotone for film in films),
        sum(film.ends[0] for film in films),
        sum(film.ends[1] for film in films),
    ]
    return f"| {way} | {len(films)} | {flicker:.2f} | {largest:.3f} | {' | '.join(map(str, counts))} |"
