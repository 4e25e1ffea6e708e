"""How good: what a held-out classifier says of images that another one was climbed for.

Climber: EfficientNet-Lite0. Judge: EfficientNet-Lite2, another size and training run. Classes: every fiftieth of
ImageNet, so that nobody chose them; one seed. The node defaults beside the seed's settings, which `exact` with `sgd`
in rgb reproduces (tests/integration/test_reference.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.common import HERE, SEED, save_sheet
from das_core.ascent.loop import Ascent
from das_core.ascent.optimizers import SGD, Optimizer
from das_core.models.classifier import Classifier
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.objectives.classes import ClassObjective
from das_core.stack.image_stack import ImageStack
from das_core.stack.spec import StackSpec
from das_core.views.augmentation import Augmentation
from das_core.views.transforms import Noise
from das_core.views.windows import Windows

CLASSES = range(0, 1000, 50)


@dataclass(frozen=True)
class Setting:
    """What is compared: a stack and how it is climbed; None is the default."""

    title: str
    spec: StackSpec
    augmentation: Augmentation | None = None
    optimizer: Optimizer | None = None


DEFAULTS = Setting("node defaults", StackSpec())
SEED_SETTINGS = Setting(
    "reference (seed settings)",
    StackSpec(color="rgb", method="exact"),
    Augmentation(16, Windows(56, 2 / 3, 2 / 3), (Noise(0.2, "uniform"),)),
    SGD(0.005),
)


@dataclass(frozen=True)
class Outcome:
    """One image: its class, the judge's probability of it and rank (0 is first), and the climber's own probability."""

    target: int
    image: Tensor
    probability: float
    rank: int
    own: float


def climb(setting: Setting, climber: Classifier, judge: Classifier, target: int) -> Outcome:
    """100 steps for one class, and the verdict."""
    ascent = Ascent(
        ImageStack.gray(setting.spec),
        [ClassObjective(climber, ((target, 1.0),))],
        setting.augmentation,
        optimizer=setting.optimizer,
        schedule="cosine" if setting.optimizer is None else "constant",
        seed=SEED,
    )
    ascent.run()
    image = ascent.result.image
    seen = judge.probabilities(image)[0]
    own = climber.probabilities(image)[0, target]
    return Outcome(target, image[0], float(seen[target]), int((seen > seen[target]).sum()), float(own))


def report() -> str:
    """Return the section of RESULTS.md; the pictures go beside it."""
    climber, judge = load_starter(), load_starter(SECOND_OPINION)
    found = {}
    for setting, file in ((DEFAULTS, "classes_defaults.jpg"), (SEED_SETTINGS, "classes_reference.jpg")):
        targets = tqdm(CLASSES, desc=setting.title, unit="image")
        found[setting.title] = [climb(setting, climber, judge, target) for target in targets]
        save_sheet([outcome.image for outcome in found[setting.title]], HERE / file)
    total = "\n".join(_summary(title, outcomes) for title, outcomes in found.items())
    rows = "\n".join(
        f"| {climber.labels.name(ours.target)} | {_verdict(ours)} | {_verdict(theirs)} |"
        for ours, theirs in zip(*found.values(), strict=True)
    )
    return f"""100 steps, 16 views, 224 x 224, {len(CLASSES)} classes (every fiftieth of ImageNet), seed {SEED}.
Climber: {climber.name}. Judge: {judge.name}, which never saw the ascent.

| settings | first choice | among first five | mean probability | the climber's own |
|---|---|---|---|---|
{total}

| class | node defaults | reference |
|---|---|---|
{rows}

![node defaults](classes_defaults.jpg)

![reference](classes_reference.jpg)
"""


def _summary(title: str, outcomes: list[Outcome]) -> str:
    count = len(outcomes)
    first = sum(o.rank == 0 for o in outcomes) / count
    five = sum(o.rank < 5 for o in outcomes) / count
    mean = torch.tensor([o.probability for o in outcomes]).mean()
    own = torch.tensor([o.own for o in outcomes]).mean()
    return f"| {title} | {first:.0%} | {five:.0%} | {mean:.2f} | {own:.2f} |"


def _verdict(outcome: Outcome) -> str:
    return f"{outcome.probability:.2f}" + (f" (choice {outcome.rank + 1})" if outcome.rank else "")
