"""A zoom: whether a held-out classifier recognises each depth, and whether there are seams between depths.

Six classes of ImageNet, one for each depth. EfficientNet-Lite0 guides the ascent; EfficientNet-Lite2 is the judge.
"""

from itertools import pairwise

import torch
from torch import Tensor

from benchmarks.common import HERE, SEED, save_sheet
from das_core.ascent.recipe import RecipeName
from das_core.facade.zoom import Zooming, zoom
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.stack.render import render_zoom
from das_core.stack.spec import StackSpec
from das_core.stack.zoom import INNER

WISHES = ["volcano", "castle", "fountain", "jellyfish", "daisy", "bee"]
SIDE = 224
RECIPE: RecipeName = "sketch"
ZOOMS = 50  # number of moments at which seams are measured
BETWEEN = 4  # how many frames the sheet shows from each depth to the next
# The width of each of the two rings beside a seam, one inside and one outside of the seam. The unit is half the side of
# a depth's picture.
_BESIDE = 0.3
SHEET = HERE / "zoom.jpg"


def measure_seam(frame: Tensor, spec: StackSpec, moment: float) -> float:
    """Return how strong a seam is: the energy of the gradient at the seam divided by the energy beside the seam."""
    assert spec.zoom is not None
    # The distance of every pixel from the middle of the frame. The unit is half the side of the frame.
    down, right = ((torch.arange(side - 1) + 1 - side / 2) / (side / 2) for side in (spec.height, spec.width))
    away = torch.hypot(down[:, None], right)
    # The outer edge of the margin of a depth. The unit is half the side of the picture of this depth.
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
    """Return the strengths of the seam (`measure_seam`) at `ZOOMS` evenly spaced moments of a zoom, weakest first."""
    spec = made.stack.spec
    assert spec.zoom is not None
    # Without a loop the last depth contains no other depth. Near the end of the zoom it fills the frame without a seam.
    last = spec.zoom.end if spec.zoom.loop else spec.zoom.end - 0.5
    moments = [last * number / ZOOMS for number in range(ZOOMS)]
    frames = render_zoom(made.stack, moments)
    return sorted(measure_seam(frame, spec, moment) for frame, moment in zip(frames, moments, strict=True))


def report() -> str:
    """Make and measure a zoom; return the section for RESULTS.md, and save its sheet of frames in the same folder."""
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
    return f"""{len(WISHES)} nested depths of {SIDE} x {SIDE}, factor {spec.zoom.factor:g}, `da.zoom` with the
recipe {RECIPE}, {model.name}, seed {SEED}. Judge: {judge.name}, which never saw the ascent. It names {named} of
{len(WISHES)} depths.

| depth | asked for | probability | named first |
|---|---|---|---|
{table}

Energy of the gradient where a depth blends into the one around it, over that of bands on both sides, at {ZOOMS}
moments: median {seams[ZOOMS // 2]:.2f}, from {seams[0]:.2f} to {seams[-1]:.2f}. A seam would give values above 1.

![From each depth to the next in {BETWEEN} frames]({SHEET.name})
"""
