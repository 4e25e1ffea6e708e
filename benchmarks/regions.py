"""Quality of parts of a picture: two classes in the two halves of one picture, and a class inside a photograph."""

import torch
from torch import Tensor
from tqdm import tqdm

import direct_ascent as da
from benchmarks.common import HERE, load_photograph, save_sheet
from benchmarks.recipes import load_classifiers
from das_core.ascent.ascent import Ascent
from das_core.ascent.denoising import Denoising
from das_core.ascent.normalized_ascent import NormalizedAscent
from das_core.ascent.recipe import PICTURE
from das_core.common.images import resize_to_cover
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import SECOND_OPINION, STARTERS, load_starter
from das_core.objectives.change import in_region
from das_core.objectives.classes import ScoreKind
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation

PAIRS = (
    ("castle", "volcano"),
    ("jellyfish", "lakeside"),
    ("strawberry", "goldfish"),
    ("pizza", "peacock"),
    ("school bus", "zebra"),
    ("flamingo", "pineapple"),
    ("daisy", "monarch"),
    ("tiger", "teapot"),
    ("steam locomotive", "snail"),
    ("lemon", "hourglass"),
)
INSERTS = (
    ("coffee", "goldfish"),
    ("cat", "sunglasses"),
    ("astronaut", "teddy"),
    ("rocket", "volcano"),
    ("camera", "daisy"),
    ("retina", "jellyfish"),
    ("clock", "strawberry"),
    ("grass", "ladybug"),
    ("moon", "soccer ball"),
    ("brick", "spider web"),
)
SIDE = 224
# The spec of a stack that shows a photograph. Photographs are larger than `SIDE`, so that a part of a photograph has
# room for detail.
PHOTO = StackSpec(448, 448)
# The rectangle in the middle of each photograph in which the ascent makes something new; RESULTS.md calls it the
# window. In pixels: its place, its size, and the width of its soft edge (`FEATHER`), which lies inside of it.
TOP, LEFT, HEIGHT, WIDTH = 64, 24, 320, 400
FEATHER = 60
# The score of the workflow *Inpaint a photo*. To raise the log-probability of a class, an ascent also lowers the
# logits of the classes that the photograph shows.
SCORE: ScoreKind = "log_probability"
OPTIMIZER = NormalizedAscent(step_size=0.14)
DENOISING = Denoising(keep=0.03)

# For comparison, a picture is made without the photograph, and then pasted into the rectangle. This picture is `SIDE`
# pixels wide and has the aspect ratio of the rectangle.
ALONE = StackSpec(SIDE, SIDE * HEIGHT // WIDTH)


def report() -> str:
    """Measure, return the section for RESULTS.md, and save its pictures in the same folder."""
    climber, judge = load_classifiers(STARTERS), load_starter(SECOND_OPINION)
    return f"""Climber: {climber.name}. Judge: {judge.name}, which never saw the ascent. Seed 0.

{_halves(climber, judge)}

{_inserts(climber, judge)}"""


def _halves(climber: Classifier, judge: Classifier) -> str:
    """Make pictures that show a class in each half, and save a sheet of them."""
    masks = torch.zeros(2, 1, SIDE, 2 * SIDE)
    masks[0, :, :, :SIDE] = masks[1, :, :, SIDE:] = 1
    rows: list[str] = []
    pictures: list[Tensor] = []
    right: list[list[bool]] = []
    for pair in tqdm(PAIRS, desc="halves"):
        objectives = [
            in_region(da.classes(name, "logit").on(climber), mask) for name, mask in zip(pair, masks, strict=True)
        ]
        image = PICTURE.prepare(ImageStack.gray(StackSpec(2 * SIDE, SIDE)), objectives).run().image
        pictures.append(image[0])
        chosen = [int(judge.probabilities(half)[0].argmax()) for half in image.split(SIDE, dim=3)]
        right.append([judge.labels.find(name) == choice for name, choice in zip(pair, chosen, strict=True)])
        rows.append(f"| {' | '.join([*pair, *map(judge.labels.name, chosen)])} |")
    save_sheet(pictures, HERE / "regions_halves.jpg", columns=2)
    both, halves = sum(map(all, right)), sum(map(sum, right))
    return f"""Two regions: a picture of {2 * SIDE} x {SIDE}, a class in each half, with the settings of the workflow
*Two regions*. The judge names the class of the half first in {halves} of {2 * len(PAIRS)} halves, in both halves of
{both} of {len(PAIRS)} pictures.

| left | right | the judge's first choice, left | and right |
|---|---|---|---|
{chr(10).join(rows)}

![halves](regions_halves.jpg)"""


def _inserts(climber: Classifier, judge: Classifier) -> str:
    """Return the text about inpainting: a class in a rectangle in the middle of a photograph."""
    shape = (PHOTO.height, PHOTO.width)
    mask = torch.zeros(1, *shape)
    mask[:, TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = 1
    rows: list[str] = []
    pictures: list[Tensor] = []
    reached: list[float] = []
    pasted: list[float] = []
    kept = risen = 0
    for subject, name in tqdm(INSERTS, desc="inserts"):
        before = resize_to_cover(load_photograph(subject), shape)
        stack = ImageStack.from_image(PHOTO, before).place_into(before, mask, FEATHER)
        objective = da.classes(name, score=SCORE).on(climber)
        after = Ascent(stack, [objective], Augmentation(16), optimizer=OPTIMIZER, denoising=DENOISING).run().image
        pictures += [before[0], after[0]]
        kept += bool((after == before)[:, :, mask[0] == 0].all())
        target = judge.labels.find(name)
        shown = (before, _paste(climber, name, before, mask), after)
        first, glued, last = (float(judge.probabilities(image)[0, target]) for image in shown)
        risen += last > first
        pasted.append(glued)
        reached.append(last)
        rows.append(f"| {subject} | {name} | {first:.5f} | {glued:.5f} | {last:.5f} |")
    save_sheet(pictures, HERE / "regions_inpaint.jpg", columns=4)
    median, without = (torch.tensor(values).quantile(0.5) for values in (reached, pasted))
    return f"""Inpainting: something new in a window of {WIDTH} x {HEIGHT} in the middle of a photograph of
{PHOTO.width} x {PHOTO.height}, from the photograph itself, with a mask like that of the workflow *Inpaint a photo*.
The edge of the window is soft over {FEATHER} pixels inside of it.
Outside of the window {kept} of {len(INSERTS)} photographs are the same bit for bit.
The probability that the judge gives to what was asked for, of the whole picture,
rises for {risen} of {len(INSERTS)}, to {median:.2f} in the median.
A picture of the same thing that was made alone and pasted into the window gets {without:.3f} in the median.

| photograph | asked for in it | before | pasted | after |
|---|---|---|---|---|
{chr(10).join(rows)}

![before, after](regions_inpaint.jpg)"""


def _paste(climber: Classifier, name: str, photograph: Tensor, mask: Tensor) -> Tensor:
    """Make a picture of a class without a photograph, and return the photograph with this picture pasted into it."""
    alone = Ascent(ImageStack.gray(ALONE), [da.classes(name, "logit").on(climber)]).run().image
    pasted = photograph.clone()
    pasted[:, :, TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = resize_to_cover(alone, (HEIGHT, WIDTH))
    return ImageStack.from_image(PHOTO, pasted, contrast=1.0).place_into(photograph, mask, FEATHER).image()
