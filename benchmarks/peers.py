"""Other libraries: how many lines of code the same tasks take, and how soon the picture of a class is recognised.

This project does not require the other libraries. The command `INSTALL` puts them into a folder of their own, together
with the version of kornia that lucent asks for. The command `MEASURE` runs this benchmark, which takes 45 minutes on
one core.

For the picture of a class, all libraries use the same module, EfficientNet-Lite0, with the normalisation that it was
trained with. The judge is another classifier, which looks at each picture at fixed times during its ascent; the time
that the judge takes is not counted. Seconds are CPU time, so other load on the machine hardly matters.
"""

import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import matplotlib
import numpy as np
import torch
import torchvision
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.transforms.functional import resize

from benchmarks.classes import DRAW, TARGETS
from benchmarks.common import HERE, SEED, save_sheet
from benchmarks.peer_climbs import Climb, TimeIsUp, Watch, climb_with_horama, climb_with_lucent, climb_with_recipe
from benchmarks.peer_tasks import SHORT, TASKS, tabulate
from benchmarks.recognition import HEADER, RULE, summarise
from das_core.ascent.adam import Adam
from das_core.ascent.recipe import PICTURE, SKETCH, Recipe
from das_core.models.classifier import Classifier
from das_core.models.labels import imagenet_labels
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.report.recognition import judge_class
from das_core.views.augmentation import Augmentation
from das_core.views.windows import Windows

# Names of packages by the names under which they are imported
PEERS = {"lucent": "torch-lucent", "horama": "horama", "captum": "captum"}
INSTALL = (
    "python -m pip install --target build/peers --no-deps torch-lucent==0.1.8 horama==0.3.0 captum==0.9.0 "
    "kornia==0.4.1 decorator ipython ipython-pygments-lexers traitlets matplotlib-inline jedi parso pexpect ptyprocess "
    "prompt-toolkit wcwidth stack-data executing asttokens pure-eval"
)
MEASURE = "PYTHONPATH=build/peers OMP_NUM_THREADS=1 python -m benchmarks.run peers"

CLASSES = TARGETS[:6]
MOMENTS = (5.0, 10.0, 20.0, 40.0, 60.0)  # CPU seconds after which the judge looks; the last one ends a run
CHART, SHEET = HERE / "peers.png", HERE / "peers.jpg"

# lucent's way in our library: as many steps, a single view a step, and Adam; for the Fourier coefficients and the logit
# of lucent, see `CONTESTANTS`. It differs from lucent in its views, which are those of our recipe sketch, and in its
# learning rate, which falls. Both were chosen on twelve classes that are not those of this benchmark: golden retriever,
# red fox, acoustic guitar, teddy, castle, volcano, goldfish, teapot, sports car, bald eagle, strawberry and jellyfish.
ONE_VIEW = Recipe(
    steps=512,
    augmentation=Augmentation(1, Windows(fitted=True), SKETCH.augmentation.transforms),
    optimizer=Adam(0.09),
    schedule=lambda progress: max(0.4, 1 - 1.3 * progress),
    focus=None,
    denoising=None,
)
# The ways to make the picture of a class, by their titles in the table
CONTESTANTS: Mapping[str, Climb] = {
    "one view a step, 224 px": climb_with_recipe(ONE_VIEW, 224, "logit", "fourier"),
    "sketch, 224 px": climb_with_recipe(SKETCH, 224),
    "picture, 224 px": climb_with_recipe(PICTURE, 224),
    "picture, 448 px (our default)": climb_with_recipe(PICTURE, 448),
    "lucent, 224 px": climb_with_lucent(224),
    "lucent, 128 px (its default)": climb_with_lucent(128),
    "Horama fourier, 224 px": climb_with_horama(224),
    "Horama fourier, 224 px, large crops": climb_with_horama(224, box_size=(0.8, 0.9)),
    "Horama fourier, 1280 px (its default)": climb_with_horama(1280),
}


def report() -> str:
    """Run the benchmark, and return its section for RESULTS.md."""
    check_peers()
    run_tasks()
    climber, judge = load_starter(), load_starter(SECOND_OPINION)
    runs: dict[str, list[Watch]] = {title: [] for title in CONTESTANTS}
    for target in CLASSES:
        for title, climb in CONTESTANTS.items():
            runs[title].append(run_contestant(climb, climber, judge, target))
            print(f"{target} {title}: {runs[title][-1].steps} steps, {runs[title][-1].looks}", flush=True)
    draw({title: average_at(watches) for title, watches in runs.items()})
    last = [watch.image for watches in runs.values() for watch in watches if watch.image is not None]
    images = [resize(image[0], [224, 224], antialias=True) for image in last]
    save_sheet(images, SHEET, columns=len(CLASSES))
    moments = " | ".join(f"{moment:.0f} s" for moment in MOMENTS)
    rows = "\n".join(f"| {title} | {describe_runs(watches)} |" for title, watches in runs.items())
    verdicts = "\n".join(f"| {title} {judge_last(judge, watches)}" for title, watches in runs.items())
    labels = imagenet_labels()
    versions = {name: importlib.metadata.version(package) for name, package in PEERS.items()}
    columns = {"direct_ascent": "direct_ascent"} | {name: f"{name} {versions[name]}" for name in PEERS}
    return f"""Lines of code that a user with a model of torchvision writes, imports included, all formatted alike
(`benchmarks/peer_tasks.py` holds the code, and every piece of it was run):

{tabulate(columns)}

captum {versions["captum"]} explains the answers of models and makes no pictures: there is no `captum.optim` in it.
Horama's `maco` needs a spectrum that it downloads; the lines are those of `fourier`, which is called in the same way,
with a feature extractor of torchvision to reach layers. lucent leaves its hooks on the model, which `deepcopy` cannot
copy from then on.

The picture of a class: {climber.name} climbs, {judge.name} judges, {len(CLASSES)} classes (the first of "Classes",
drawn with seed {DRAW}: {", ".join(labels.name(target) for target in CLASSES)}), seed {SEED}, one thread. Every library
has its own defaults, except for the size of the picture where the row gives it, and for the normalisation, which is the
model's. Ours raises the log-probability of the class, the others and "one view a step" its logit. Seconds are CPU time;
other jobs shared the caches of the processor, so they are rough. The columns are the mean probability of the class
after so many seconds. A run that ended before keeps its last picture; one that has not ended is cut off after
{MOMENTS[-1]:.0f} s (of the 1000 steps that Horama takes by default few are done by then). "One view a step" is lucent's
way in this library (`ONE_VIEW` in `benchmarks/peers.py`):

| setting | {moments} | steps done | seconds in all |
|---{"|---" * len(MOMENTS)}|---|---|
{rows}

How {judge.name} classifies the last pictures, as in "Classes":

| {HEADER}
|---{RULE}
{verdicts}

![mean probability over seconds]({CHART.name})

A row for each line of the table, a column for each class:

![the last pictures]({SHEET.name})

`maco` is left out, since its spectrum could not be downloaded here. Horama's crops are a quarter of the picture's side
by default, made for pictures of 1280 px; "large crops" has `box_size=(0.8, 0.9)`, which is no default of it.
"""


def check_peers() -> None:
    """Raise a ModuleNotFoundError, with the command that installs the libraries, if one of them is missing."""
    missing = [package for name, package in PEERS.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(f"{', '.join(missing)} cannot be imported; run `{INSTALL}`, then `{MEASURE}`")


def run_tasks() -> None:
    """Run the code whose lines are counted, for every task and library, to check that it makes pictures."""
    for row in TASKS:
        for library, task in row.ways.items():
            torch.manual_seed(SEED)
            # A new model each time: lucent leaves hooks on a model.
            pictures = pictures_of(task(torchvision.models.resnet18().eval(), SHORT[library]))
            if not pictures or not all(bool(torch.isfinite(picture).all()) for picture in pictures):
                raise ValueError(f"{library} makes no picture of {row.title}")


def pictures_of(made: Any) -> list[Tensor]:
    """Return the tensors in what a library returns: a result with an `image`, an array, or lists of these."""
    if isinstance(made, list | tuple):
        return [picture for one in made for picture in pictures_of(one)]
    return [torch.as_tensor(getattr(made, "image", made)).detach()]


def run_contestant(climb: Climb, climber: Classifier, judge: Classifier, target: int) -> Watch:
    """Let a contestant make the picture of a class, and return the `Watch` of this run."""
    torch.manual_seed(SEED)
    np.random.seed(SEED)  # lucent also draws random numbers from NumPy.
    watch = Watch(lambda image: float(judge.probabilities(image)[0, target]), MOMENTS)
    with suppress(TimeIsUp):
        watch.finish(climb(climber, target, watch))
    return watch


def judge_last(judge: Classifier, watches: Sequence[Watch]) -> str:
    """Return cells of a table about how well the judge recognises the last pictures of a contestant."""
    pairs = [(watch.image, target) for watch, target in zip(watches, CLASSES, strict=True) if watch.image is not None]
    # The judge sees one image at a time, because the sizes of the images may differ.
    return summarise([judge_class(judge, image, [target])[0] for image, target in pairs])


def average_at(watches: Sequence[Watch]) -> list[float]:
    """Return the mean probability of the class at each of `MOMENTS`; a run that ended before keeps its last one."""
    looks = [[watch.looks[min(at, len(watch.looks) - 1)] for watch in watches] for at in range(len(MOMENTS))]
    return [sum(look.probability for look in each) / len(each) for each in looks]


def describe_runs(watches: Sequence[Watch]) -> str:
    """Return cells of a markdown table about the runs of one contestant."""
    steps = sorted(watch.steps for watch in watches)[len(watches) // 2]
    seconds = sorted(watch.looks[-1].seconds for watch in watches)[len(watches) // 2]
    cut = sum(not watch.finished for watch in watches)
    end = f"{seconds:.0f} s" if cut == 0 else f"cut off in {cut} of {len(watches)} runs"
    return " | ".join([*(f"{probability:.2f}" for probability in average_at(watches)), str(steps), end])


def draw(means: dict[str, list[float]]) -> None:
    """Plot probabilities over CPU seconds, a line for each contestant, and save the chart."""
    with matplotlib.rc_context({"font.size": 11}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for title, probabilities in means.items():
            axes.plot(MOMENTS, probabilities, "o-", label=title)
        axes.set(xlabel="seconds of the processor", ylabel="the judge's mean probability", ylim=(0, 1))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
        figure.savefig(CHART, dpi=110)
