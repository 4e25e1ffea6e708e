"""How good in words: whether a CLIP that never saw the ascent finds the prompt that an image was made from.

Climbers and judges are starter CLIPs, each on another classifier with weights of its own; they share the sentence
encoder, so what is tested is the image. The prompts were written before any image was made.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.common import HERE, SEED, climb_image, save_sheet
from das_core.models.clip import CLIP
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starter_clip import load_starter_clip
from das_core.models.sources.starters import SECOND_OPINION, STARTER, THIRD_OPINION
from das_core.objectives.embedding import TextObjective
from das_core.report.verdict import compare_with_texts
from das_core.views.augmentation import Augmentation

PROMPTS = (
    "a coral reef full of fish",
    "a castle on a hill at sunset",
    "a cup of coffee on a wooden table",
    "a red sports car on a mountain road",
    "a bowl of fresh fruit",
    "a dog running on the beach",
    "a snowy mountain above a lake",
    "a sailing boat on the open sea",
    "a butterfly on a purple flower",
    "a lighthouse on a rocky coast",
    "an owl in a dark forest",
    "a pile of old books in a library",
    "a steam train crossing a bridge",
    "a plate of spaghetti with tomato sauce",
    "a tiger walking through tall grass",
    "a church with a tall tower",
    "a field of yellow sunflowers",
    "a spider in the middle of its web",
    "a piano in a concert hall",
    "hot air balloons over a desert valley",
)
SHORT = {"steps": 30, "augmentation": Augmentation(8)}
"""Where only the models differ, fewer steps and views tell the same for less time, and leave room for better."""

FILE = "text.jpg"


def ranks(clip: CLIP, images: Tensor, texts: Sequence[str]) -> Tensor:
    """How many of the texts (K) are nearer to image n than text n is: 0 is the best."""
    table = compare_with_texts(clip, images, texts)
    own = table.diagonal().unsqueeze(1)
    return (table > own).sum(dim=1)


def report() -> str:
    """Return the section of RESULTS.md; the pictures go beside it."""
    climber, judge = load_starter_clip(STARTER), load_starter_clip(SECOND_OPINION)
    images = torch.cat(
        [climb_image([TextObjective.from_text(climber, text)]) for text in tqdm(PROMPTS, desc="words", unit="image")]
    )
    save_sheet(list(images), HERE / FILE)
    found = {clip.name: ranks(clip, images, PROMPTS) for clip in (judge, climber)}
    rows = "\n".join(
        f"| {text} | {_place(theirs)} | {_place(own)} |"
        for text, theirs, own in zip(PROMPTS, *found.values(), strict=True)
    )
    share = {name: _share(places, 1) for name, places in found.items()}
    return f"""{len(PROMPTS)} prompts, 100 steps, 16 views, 224 x 224, seed {SEED}, node defaults.
Climber: {climber.name}. Judge: {judge.name}, which never saw the ascent. The right prompt among the
{len(PROMPTS)} is first for {share[judge.name]} of the images by the judge, for {share[climber.name]} by the climber.

| prompt | the judge's choice | the climber's own |
|---|---|---|
{rows}

![{len(PROMPTS)} prompts]({FILE})

{_towers(climber, judge)}"""


def _towers(one: CLIP, other: CLIP) -> str:
    """One model, another, and both at once, judged by a third among many texts."""
    judge = load_starter_clip(THIRD_OPINION)
    texts = [*PROMPTS, *(f"a photo of a {label.names[0]}" for label in imagenet_labels().labels)]
    rows = []
    for title, clips in ((one.name, [one]), (other.name, [other]), ("both", [one, other])):
        images = torch.cat(
            [
                climb_image([TextObjective.from_text(clip, text) for clip in clips], **SHORT)  # type: ignore[arg-type]
                for text in tqdm(PROMPTS, desc=title, unit="image")
            ]
        )
        found = ranks(judge, images, texts)
        nearness = compare_with_texts(judge, images, PROMPTS).diagonal().mean()
        reciprocal = (1 / (found + 1.0)).mean()
        rows.append(f"| {title} | {_share(found, 1)} | {_share(found, 10)} | {reciprocal:.2f} | {nearness:.3f} |")
    table = "\n".join(rows)
    return f"""Two models at once, judged by a third, {judge.name}. {SHORT["steps"]} steps, 8 views. To choose from: the
{len(PROMPTS)} prompts and the names of all 1,000 classes of ImageNet.

| climbed | first of {len(texts)} | among first ten | mean reciprocal rank | mean cosine |
|---|---|---|---|---|
{table}
"""


def _share(found: Tensor, count: int) -> str:
    return f"{(found < count).float().mean():.0%}"


def _place(rank: Tensor) -> str:
    return f"{int(rank) + 1}"
