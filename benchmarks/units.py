"""Channels in several libraries: how active each is for its picture, as it is and blurred, after so many seconds.

The other libraries and the command that installs them are those of `peers`. Each makes one channel after the other, in
its own way; ours makes eight in one ascent, by the recipe *feature*, as an atlas does. Activations are means over all
positions, in an unjittered forward pass over the whole picture in its own size (of at least 224 pixels for the others,
which they enlarge to that).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from time import process_time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from benchmarks.common import HERE, SEED, save_sheet
from benchmarks.peer_climbs import TimeIsUp, Watch, watch_horama, watch_lucent
from benchmarks.peers import check_peers
from das_core.ascent.recipe import FEATURE
from das_core.atlas.pictures import choose_side, measure
from das_core.atlas.units import Units, find_units
from das_core.common.images import resize
from das_core.facade.render import render
from das_core.models.judge import Judge
from das_core.models.sources.starters import load_starter

MOMENTS = (1.0, 2.0, 4.0, 8.0, 16.0)  # CPU seconds for a channel, after which the pictures of the others are measured.
STEPS = (8, 16, 24, 32, 48, 64, 96, 128)  # Of our ascents.
AT_ONCE = 8


def list_cases() -> list[tuple[Judge, Units]]:
    """Return the models, and a layer of each."""
    torch.manual_seed(SEED)
    half = (0.5, 0.5, 0.5)
    random = Judge("resnet18 (random weights)", torchvision.models.resnet18().eval(), 224, half, half)
    cases = [(random, "layer1.1.relu"), (load_starter(), "blocks.3"), (load_starter(), "blocks.5")]
    return [(judge, find_units(judge, layer)[0]) for judge, layer in cases]


def look(judge: Judge, units: Units, image: Tensor, numbers: Sequence[int]) -> list[tuple[float, float]]:
    """Return how active each unit is for its image (N, 3, H, W), as it is and blurred."""
    side = max(image.shape[2], 64)
    blurred = resize(resize(image, (side // 4,) * 2, "bilinear"), (side,) * 2)
    found = [measure(replace(judge, size=side), units, one) for one in (image, blurred)]
    return [(float(found[0][row, unit]), float(found[1][row, unit])) for row, unit in enumerate(numbers)]


def run_peer(climb: Callable[..., Tensor], judge: Judge, units: Units, number: int) -> list[tuple[float, float]]:
    """Return how active a unit is at each of `MOMENTS` for the picture of another library."""
    seen: list[tuple[float, float]] = []

    def ask(image: Tensor) -> float:
        shown = F.interpolate(image, (224, 224), mode="bilinear", align_corners=True) if image.shape[2] < 224 else image
        seen.extend(look(judge, units, shown, [number]))
        return seen[-1][0]

    torch.manual_seed(SEED)
    np.random.seed(SEED)
    watch = Watch(ask, MOMENTS)
    with suppress(TimeIsUp):
        watch.finish(climb(judge, units, number, watch))
    # A step that takes long passes several moments, which get one look; a run that ended keeps its last picture.
    seconds = [0.0, *(one.seconds for one in watch.looks)]
    changes = [now != before for before, now in pairwise(seconds)]
    found = [seen[sum(changes[: at + 1]) - 1] for at in range(len(changes))]
    return (found + found[-1:] * len(MOMENTS))[: len(MOMENTS)]


def report() -> str:
    """Run the benchmark, and return its section for RESULTS.md."""
    check_peers()
    rows: list[str] = []
    images: list[Tensor] = []
    for judge, units in list_cases():
        numbers = torch.randperm(units.count, generator=torch.Generator().manual_seed(SEED))[:AT_ONCE].tolist()
        side, ours = choose_side(judge, units.layer), {}
        smaller = replace(judge, size=side)
        for steps in STEPS:
            begin = process_time()
            recipe = replace(FEATURE, steps=steps)
            made = render(smaller, units.ask(smaller, numbers), size=side, recipe=recipe, batch=AT_ONCE, progress=False)
            seconds = (process_time() - begin) / AT_ONCE
            ours[steps] = seconds, np.mean(look(judge, units, made.image, numbers), axis=0)
            if steps == FEATURE.steps:
                images += [resize(one[None], (224, 224))[0] for one in made.image]
        title = f"{judge.name}, {units.name}"
        for steps, (seconds, (plain, blurred)) in ours.items():
            rows.append(
                f"| {title} | ours, {side} px, {steps} steps | {seconds:.1f} s | {plain:.3g} | {blurred:.3g} | |"
            )
        peers: dict[str, Any] = {f"lucent, {size} px": partial(watch_lucent, size=size) for size in (128, 224)}
        peers["Horama fourier, 224 px, large crops"] = partial(watch_horama, size=224, box_size=(0.8, 0.9))
        for name, climb in peers.items():
            means = np.mean([run_peer(climb, judge, units, number) for number in numbers[:4]], axis=0)
            for at, (plain, blurred) in zip(MOMENTS, means.tolist(), strict=True):
                times = [seconds for seconds, (own, _) in ours.values() if own >= plain]
                ratio = f"{at / times[0]:.1f}" if times else "not reached"
                rows.append(f"| {title} | {name} | {at:.0f} s | {plain:.3g} | {blurred:.3g} | {ratio} |")
            print(*rows[-len(MOMENTS) :], sep="\n", flush=True)
    save_sheet(images, HERE / "units.jpg", columns=AT_ONCE)
    table = "\n".join(rows)
    return f"""Mean activations of {AT_ONCE} channels of a layer (4 for the others). Ours makes {AT_ONCE} in one ascent,
pictures of early layers at the size that a position of the layer sees. The last column: how many units ours makes in
the time of one, by the first of our rows that is at least as active.

| layer | library | seconds a unit | activation | after a 4 x blur | units of ours meanwhile |
|---|---|---|---|---|---|
{table}

![our pictures, {FEATURE.steps} steps, a row for each layer](units.jpg)
"""
