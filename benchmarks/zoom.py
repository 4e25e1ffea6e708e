"""A zoom: whether an uninvolved classifier names each depth, and whether a seam is seen between two.

Six classes of ImageNet, each in the middle of the one before. Climber: EfficientNet-Lite0. Judge: EfficientNet-Lite2.
"""

import torch
from torch import Tensor

from benchmarks.common import HERE, SEED, save_sheet
from das_core.facade.zoom import Zooming, zoom
from das_core.models.sources.starters import SECOND_OPINION, load_starter
from das_core.stack.render_zoom import render_zoom
from das_core.stack.spec import StackSpec

WISHES = ["volcano", "castle", "fountain", "jellyfish", "daisy", "bee"]
SIDE = 224
ZOOMS = 50
"""At how many zooms seams are looked for."""

BETWEEN = 4
"""How many frames of the sheet belong to each depth."""

SHEET = HERE / "zoom.jpg"


def measure_seam(frame: Tensor, spec: StackSpec, moment: float) -> float:
    """Return the energy of the gradient where one depth goes over into another, over that on both sides of it.

    Of the depths that lie in the frame it is the largest whose seam has as wide a band around it in the frame.

    Args:
        frame: what is seen at a moment, (3, height, width).
        spec: the spec of the zoom.
        moment: where the frame lies between the depths.
    """
    assert spec.zoom is not None
    # How far each pixel is beyond the picture of a depth, in widths of the seam, by the depth's scale.
    size = (spec.height, spec.width)
    depth = int(moment) + 1
    while True:
        scale = spec.zoom.factor ** (moment - depth)
        beyond = [
            ((torch.arange(side) + 0.5 - side / 2).abs() - scale * side / 2) / (scale * spec.margin) for side in size
        ]
        if all(float(axis.max()) >= 2 for axis in beyond):
            break
        depth += 1
    place = torch.maximum(beyond[0][:, None], beyond[1])[:-1, :-1]
    grey = frame.mean(dim=0)
    energy = (grey[1:, :-1] - grey[:-1, :-1]).square() + (grey[:-1, 1:] - grey[:-1, :-1]).square()
    inside, seam, outside = (float(energy[(place >= low) & (place < low + 1)].mean()) for low in (-1.0, 0.0, 1.0))
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
    made = zoom(model, WISHES, size=SIDE, seed=SEED, progress=False)
    spec = made.stack.spec
    assert spec.zoom is not None
    rows, named = [], 0
    for depth, (name, answer) in enumerate(zip(WISHES, judge.probabilities(made.image), strict=True)):
        number = judge.labels.find(name)
        first = int(answer.argmax())
        named += first == number
        rows.append(f"| {depth} | {name} | {float(answer[number]):.2f} | {judge.labels.names[first]} |")
    seams = measure_seams(made)
    moments = [number / BETWEEN for number in range(spec.zoom.end * BETWEEN + 1)]
    save_sheet(list(render_zoom(made.stack, moments)), SHEET, columns=BETWEEN)
    table = "\n".join(rows)
    return f"""{len(WISHES)} depths of {SIDE} x {SIDE} in each other, factor {spec.zoom.factor:g}, `da.zoom` with its
defaults, {model.name}, seed {SEED}. Judge: {judge.name}, which never saw the ascent. It names {named} of {len(WISHES)}
depths.

| depth | asked for | probability | named first |
|---|---|---|---|
{table}

Energy of the gradient where one depth goes over into the next, over that of bands as wide on both sides, at {ZOOMS}
zooms: median {seams[ZOOMS // 2]:.2f}, from {seams[0]:.2f} to {seams[-1]:.2f}. A seam would be above 1.

![From each depth to the next in {BETWEEN} frames]({SHEET.name})
"""
