"""A zoom: whether an uninvolved classifier names each depth, and whether a seam is seen between two.

Six classes of ImageNet, each in the middle of the one before. Climber: EfficientNet-Lite0. Judge: EfficientNet-Lite2.
"""

from itertools import pairwise

import torch
from torch import Tensor

from benchmarks.common import HERE, SEED, save_sheet
from das_core.facade.zoom import Zooming, zoom
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.stack.render_zoom import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import INNER

WISHES = ["volcano", "castle", "fountain", "jellyfish", "daisy", "bee"]
SIDE = 224
RECIPE = "sketch"
ZOOMS = 50
"""At how many zooms seams are looked for."""

BETWEEN = 4
"""How many frames of the sheet belong to each depth."""

_BESIDE = 0.3
"""How wide the bands on both sides of a seam are, in halves of the side of a depth."""

SHEET = HERE / "zoom.jpg"


def measure_seam(frame: Tensor, spec: StackSpec, moment: float) -> float:
    """Return the energy of the gradient where one depth goes over into another, over that on both sides of it.

    Of the depths that lie in the frame it is the largest that has a band of ground around it.

    Args:
        frame: what is seen at a moment, (3, height, width).
        spec: the spec of the zoom.
        moment: where the frame lies between the depths.
    """
    assert spec.zoom is not None
    # How far each pixel is from the middle, in halves of the frame.
    down, right = ((torch.arange(side - 1) + 1 - side / 2) / (side / 2) for side in (spec.height, spec.width))
    away = torch.hypot(down[:, None], right)
    edge = min(side / (side - 2 * spec.margin) for side in spec.canvas)
    depth = int(moment) + 1
    while (scale := spec.zoom.factor ** (moment - depth)) * (edge + _BESIDE) > 1:
        depth += 1
    grey = frame.mean(dim=0)
    energy = (grey[1:, :-1] - grey[:-1, :-1]).square() + (grey[:-1, 1:] - grey[:-1, :-1]).square()
    borders = [scale * border for border in (INNER - _BESIDE, INNER, edge, edge + _BESIDE)]
    inside, seam, outside = (float(energy[(away >= low) & (away < high)].mean()) for low, high in pairwise(borders))
    return seam / ((inside + outside) / 2)


def measure_seams(made: Zooming) -> list[float]:
    """Return the energy at the seam of frames evenly over a zoom, see `measure_seam`, in rising order."""
    spec = made.stack.spec
    assert spec.zoom is not None
    # At the last depth there is none.
    last = spec.zoom.end if spec.zoom.loop else spec.zoom.end - 0.5
    moments = [last * number / ZOOMS for number in range(ZOOMS)]
    frames = render_zoom(made.stack, moments)
    return sorted(measure_seam(frame, spec, moment) for frame, moment in zip(frames, moments, strict=True))


def report() -> str:
    """Return the section of RESULTS.md; the sheet goes beside it."""
    model, judge = load_starter(), load_starter(SECOND_OPINION)
    made = zoom(model, WISHES, size=SIDE, recipe=RECIPE, seed=SEED, progress=False)
    spec = made.stack.spec
    assert spec.zoom is not None
    rows, named = [], 0
    for depth, (name, answer) in enumerate(zip(WISHES, judge.probabilities(made.image), strict=True)):
        number = judge.labels.find(name)
        first = int(answer.argmax())
        named += first == number
        rows.append(f"| {depth} | {name} | {float(answer[number]):.2f} | {judge.labels.name(first)} |")
    seams = measure_seams(made)
    moments = [number / BETWEEN for number in range(spec.zoom.end * BETWEEN + 1)]
    save_sheet(list(render_zoom(made.stack, moments)), SHEET, columns=BETWEEN)
    table = "\n".join(rows)
    return f"""{len(WISHES)} depths of {SIDE} x {SIDE} in each other, factor {spec.zoom.factor:g}, `da.zoom` with the
recipe {RECIPE}, {model.name}, seed {SEED}. Judge: {judge.name}, which never saw the ascent. It names {named} of
{len(WISHES)} depths.

| depth | asked for | probability | named first |
|---|---|---|---|
{table}

Energy of the gradient where one depth goes over into the next, over that of bands on both sides, at {ZOOMS} zooms:
median {seams[ZOOMS // 2]:.2f}, from {seams[0]:.2f} to {seams[-1]:.2f}. A seam would be above 1.

![From each depth to the next in {BETWEEN} frames]({SHEET.name})
"""
