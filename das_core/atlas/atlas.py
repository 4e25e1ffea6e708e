"""`atlas`: pictures of every unit of a model, and what is known of it, in a folder with a page."""

import hashlib
import io
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import torch
from torch import nn
from tqdm import tqdm

from ..common.text import shorten
from ..facade.wrap import find_judge
from ..models.clip import CLIP
from ..models.dictionary import Dictionary
from ..models.judge import Judge, check_judge
from ..models.photographs import Photographs
from ..models.sources.kept_tensors import digest_tensors
from ..runs.cells import Cell, Workers
from ..runs.engine import run_cells
from ..runs.results import Results
from .photographs import dissect, read_photographs, see_photographs
from .pictures import PER_ASCENT, PICTURES, PictureMaker, choose_side
from .show import Sources, save_page
from .units import Units, choose_numbers, find_units, watch

USUAL = ("more", "less", "diverse")  # The pictures that are made of a unit unless others are named.

_BYTES = 0.22  # Of a picture on disk, for each of its pixels.
_FORMAT = 1  # Changes when the pictures of a cell would be others.


@dataclass(frozen=True, eq=False)
class AtlasPlan:
    """What an atlas will hold: its cells, each with some units of a layer, and how they are made."""

    judge: Judge
    layers: tuple[Units, ...]
    cells: tuple[Cell, ...]
    maker: PictureMaker
    digest: str
    units: int

    def describe(self) -> str:
        """Return how many units there are in each layer, and, by the time of one step of each, how long all takes."""
        lines, seconds, space = [], 0.0, 0.0
        for units in self.layers:
            numbers = [number for cell in self.cells for number in cell.task[1] if cell.task[0] == units.name]
            side = self.maker.sides[units.name]
            pictures = sum(PICTURES[kind].count for kind in self.maker.pictures)
            views = sum(PICTURES[kind].count_views(units, side, self.maker.steps) for kind in self.maker.pictures)
            took = len(numbers) * views * self._time_view(units, side)
            seconds, space = seconds + took, space + len(numbers) * pictures * _BYTES * side * side
            lines.append(f"  {units.name}: {len(numbers):,} units at {side} pixels, {tqdm.format_interval(took)}")
        if len(lines) > 24:
            lines[12:-12] = [f"  … {len(lines) - 24:,} more layers"]
        what = f"{self.units:,} units in {len(self.layers):,} layers of {self.judge.name}"
        whole = tqdm.format_interval(seconds)
        return "\n".join([f"{what}: about {whole} by one process of this machine, and {space / 2**20:,.0f} MB", *lines])

    def _time_view(self, units: Units, side: int) -> float:
        """Return how many seconds a view takes, beside others."""
        judge = watch(replace(self.judge, size=side), [units])
        views = judge.bring(torch.rand(PER_ASCENT, 3, side, side, generator=torch.Generator().manual_seed(0)))
        took = []
        for _ in range(2):  # The first run may take longer.
            begin = time.perf_counter()
            with torch.enable_grad():
                shown = views.clone().requires_grad_()
                torch.autograd.grad(units.read(judge(shown)).sum(), shown)
            took.append(time.perf_counter() - begin)
        return 1.2 * min(took) / PER_ASCENT  # A fifth for what is done beside the model.


def plan_atlas(
    model: nn.Module | Judge,
    layers: str | Sequence[str] | None = None,
    units: int | str | Iterable[int] | None = None,
    *,
    pictures: Sequence[str] = USUAL,
    dictionaries: Mapping[str, Dictionary] | None = None,
    seed: int = 0,
    steps: int | None = None,
    device: torch.device | str | None = None,
) -> AtlasPlan:
    """Return the plan of an atlas; for arguments and errors see `atlas`."""
    judge = find_judge(model, device)
    if unknown := [kind for kind in pictures if kind not in PICTURES]:
        raise ValueError(f"there are no pictures '{shorten(unknown[0])}'; choose of {', '.join(PICTURES)}")
    if not pictures:
        raise ValueError(f"no pictures are wanted; choose of {', '.join(PICTURES)}")
    found = find_units(judge, layers, dictionaries)
    units = units if isinstance(units, int | str | None) else list(units)
    sides = {one.name: choose_side(judge, one.layer) for one in found}
    maker = PictureMaker(judge, {one.name: one for one in found}, tuple(pictures), sides, seed, steps)
    digest = digest_tensors(judge.module.state_dict())
    cells, count = [], 0
    for one in found:
        numbers = choose_numbers(one, units)
        count += len(numbers)
        words = "" if one.dictionary is None else digest_tensors({"": one.dictionary.weight, "b": one.dictionary.bias})
        for begin in range(0, len(numbers), PER_ASCENT):
            part = numbers[begin : begin + PER_ASCENT]
            made_of = (_FORMAT, digest, words, one.name, part, tuple(pictures), sides[one.name], seed, steps)
            name = hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
            cells.append(Cell(name, {"layer": one.name, "numbers": str(part)}, (one.name, part)))
    return AtlasPlan(judge, found, tuple(cells), maker, digest, count)


def atlas(
    model: nn.Module | Judge,
    layers: str | Sequence[str] | None = None,
    units: int | str | Iterable[int] | None = None,
    *,
    path: Path | str = "atlas",
    pictures: Sequence[str] = USUAL,
    photos: Photographs | None = None,
    clip: CLIP | None = None,
    dictionaries: Mapping[str, Dictionary] | None = None,
    seed: int = 0,
    steps: int | None = None,
    device: torch.device | str | None = None,
    workers: Workers | None = None,
    retry: bool = False,
    progress: bool = True,
) -> Path:
    """Make pictures of the units of a model, and a page that shows them, and return its path.

    Units are what activation functions return (channels, neurons), attention heads, classes and latents. What is in the
    folder already is not made again, so an atlas that was stopped goes on, and may grow by other layers.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        layers: names of layers, or patterns such as 'layer4*'; None for all that have units, see `find_units`.
        units: how many of each layer, or which, as a list or as text such as '0-15, 40'; None for all.
        path: the folder, which is new or holds an atlas of this model.
        pictures: what is made of a unit: `more`, `less` (its opposite), `diverse` (four that differ), and `raw`.
        photos: photographs, or a folder of them: the crops that excite a unit most are shown, and how active it is for
            its picture compared with photographs.
        clip: a CLIP with a text tower, which names units by words for these photographs (CLIP-Dissect).
        dictionaries: by the names of layers, sparse autoencoders whose latents are units, too.
        seed: the seed of all random draws.
        steps: the number of steps of each ascent; None for those of the recipes.
        device: where to compute; by default the device of the model.
        workers: processes of this machine, or a cluster, see `Workers`; None for this process alone.
        retry: whether cells are made again that failed.
        progress: whether to show a progress bar.

    Raises:
        ValueError: when there is no such layer, unit or picture, or no photographs.
        RunsError: when the folder is of another model, in use, or cannot be written to.
        RunsStoppedError: when the run cannot go on, as with a full disk; called again, `atlas` goes on from there.

    Example:
        >>> import direct_ascent as da
        >>> da.atlas(da.load_starter(), "blocks.5", 8, path="lite0", photos="photographs/")  # doctest: +SKIP
        PosixPath('lite0/index.html')
    """
    plan = plan_atlas(
        model, layers, units, pictures=pictures, dictionaries=dictionaries, seed=seed, steps=steps, device=device
    )
    return make_atlas(plan, Path(path), photos, clip, workers, retry, sys.stderr if progress else io.StringIO())


def make_atlas(
    plan: AtlasPlan,
    path: Path,
    photos: Photographs | None = None,
    clip: CLIP | None = None,
    workers: Workers | None = None,
    retry: bool = False,
    stream: TextIO = sys.stderr,
) -> Path:
    """Carry out a plan in a folder, and return the path of the page; see `atlas`."""
    judge, photographs = plan.judge, None
    if clip is not None:
        clip = check_judge(clip, CLIP, "reads no words; load a CLIP, as `load_starter_clip()` does")
        if photos is None:
            raise ValueError("words are chosen by photographs, and there are none; give a folder of them as photos")
    if photos is not None:  # Before the long work, which would be done for nothing.
        photographs = read_photographs(photos, judge.size)
    results = Results(path)
    with results.claim(f"atlas of {judge.name} {plan.digest[:12]}"):
        run_cells(plan.cells, plan.maker, results, workers or Workers(here=True), stream, retry)
        results.read()
        # The page shows all that is in the folder, also layers that are not in this plan.
        present = {row.get("layer") for row in results.rows.values()}
        known = {one.name: one for one in (*find_units(judge, "*"), *plan.layers)}
        layers = [one for one in known.values() if one.name in present]
        seen = {} if photographs is None else see_photographs(judge, layers, photographs)
        words = {}
        if clip is not None and photographs is not None:
            words = {name: dissect(clip, one, photographs) for name, one in seen.items()}
        return Path(save_page(results, judge, layers, plan.units, Sources(seen, words, photographs)))
