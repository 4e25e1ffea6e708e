"""`atlas`: pictures of every unit of a model, and what is known of it, in a folder with a page."""

import hashlib
import io
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..ascent.preparation import check_settings
from ..ascent.result import AscentError
from ..common.modes import own_modes
from ..common.scalars import as_list, as_whole
from ..common.tensor_file import digest_tensors
from ..common.text import shorten
from ..facade.render import render
from ..facade.wrap import find_judge
from ..models.clip import CLIP
from ..models.dictionary import Dictionary
from ..models.judge import Judge, check_judge
from ..models.photographs import Photographs
from ..objectives.term import make_objective
from ..runs.cells import Cell, RunsStoppedError, Workers
from ..runs.engine import run_cells
from ..runs.results import Results
from .photographs import dissect, read_photographs, see_photographs
from .pictures import PICTURES, PictureMaker, choose_side
from .show import Sources, save_page
from .units import Units, choose_numbers, find_units, watch

USUAL = ("more", "less", "diverse")  # The pictures that are made of a unit unless others are named.

_BYTES = 0.22  # Of a picture on disk, for each of its pixels.
_AT_ONCE = 8  # Units of a cell.
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
        """Return how many units there are in each layer, and, by the time of some steps of each, how long all takes."""
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
        """Return how many seconds a view takes, beside others, by some steps for all units together."""
        judge, ends = replace(self.judge, size=side), list[float]()
        recipe = PICTURES[self.maker.pictures[0]].choose_recipe(units, side, 3)
        seen = (watch(judge, [units]), lambda output, _: units.read(output, before=True).mean(dim=(1, 2)))
        wish = make_objective(units.name, [seen])
        with suppress(AscentError):  # Dead units take no time, nor do cells that fail; those say why.
            render(
                judge,
                wish,
                size=side,
                recipe=recipe,
                batch=_AT_ONCE,
                progress=False,
                callback=lambda _: ends.append(time.perf_counter()),
            )
        steps = max(1, len(ends) - 1)  # But the first, which takes longer.
        return (max(ends, default=0.0) - min(ends, default=0.0)) / (steps * _AT_ONCE * recipe.augmentation.views)


@own_modes()
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
    kinds = [pictures] if isinstance(pictures, str) else as_list("pictures", pictures, "['more', 'less']")
    if unknown := [kind for kind in kinds if not isinstance(kind, str) or kind not in PICTURES]:
        raise ValueError(f"there are no pictures '{shorten(unknown[0])}'; choose of {', '.join(PICTURES)}")
    if not kinds:
        raise ValueError(f"no pictures are wanted; choose of {', '.join(PICTURES)}")
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    seed, steps = int(seed), None if steps is None else int(steps)
    found = find_units(judge, layers, dictionaries)
    if not isinstance(units, str | Real | Tensor | None):
        units = as_list("units", units, "[0, 7]")  # Before several layers read it: it may be an iterator.
    sides = {one.name: choose_side(judge, one.layer) for one in found}
    maker = PictureMaker(judge, {one.name: one for one in found}, tuple(dict.fromkeys(kinds)), sides, seed, steps)
    digest = digest_tensors(judge.module.state_dict())
    cells, count = list[Cell](), 0
    for one in found:
        numbers = choose_numbers(one, units)
        count += len(numbers)
        latents = "" if one.dictionary is None else _digest_dictionary(one.dictionary)
        cells += list_cells(maker, one, numbers, (digest, latents))
    return AtlasPlan(judge, found, tuple(cells), maker, digest, count)


def list_cells(maker: PictureMaker, units: Units, numbers: Sequence[int], digests: tuple[str, ...]) -> list[Cell]:
    """Return the cells that make the pictures of some units of a layer, given digests of all that `maker` knows."""
    cells = []
    for begin in range(0, len(numbers), _AT_ONCE):
        part = list(numbers[begin : begin + _AT_ONCE])
        shown = (maker.judge.mean, maker.judge.std, maker.sides[units.name])
        made_of = (_FORMAT, *digests, units.name, part, maker.pictures, shown, maker.seed, maker.steps)
        name = hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
        columns = {"layer": units.name, "numbers": str(part), "count": units.count}
        cells.append(Cell(name, columns, (units.name, part)))
    return cells


def _digest_dictionary(dictionary: Dictionary) -> str:
    known = {name: value for name, value in vars(dictionary).items() if name not in ("name", "decoder")}
    tensors = {name: value for name, value in known.items() if isinstance(value, Tensor)}
    return f"{digest_tensors(tensors)} {[value for value in known.values() if not isinstance(value, Tensor)]}"


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
        units: how many of each layer, or which, as a list or as text such as '0-15, 40-'; None for all.
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
        retry: whether cells are made again that failed; until then, the page says why.
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
    page, _ = make_atlas(plan, Path(path), photos, clip, workers, retry, sys.stderr if progress else io.StringIO())
    return page


@own_modes()
def make_atlas(
    plan: AtlasPlan,
    path: Path,
    photos: Photographs | None = None,
    clip: CLIP | None = None,
    workers: Workers | None = None,
    retry: bool = False,
    stream: TextIO | None = None,
) -> tuple[Path, int]:
    """Carry out a plan in a folder, and return the path of the page, and how many cells failed; see `atlas`."""
    judge = plan.judge
    if clip is not None:
        clip = check_judge(clip, CLIP, "reads no words; load a CLIP, as `load_starter_clip()` does")
        if photos is None:
            raise ValueError("words are chosen by photographs, and there are none; give a folder of them as photos")
        _ = clip.members[0].text_tower  # Raises the error of a model without one.
    photographs = None if photos is None else read_photographs(photos, judge.size)
    results = Results(path)
    with results.claim(f"atlas of {judge.name} {plan.digest[:12]}"):
        # The page shows all that is in the folder, also layers that are not in this plan.
        present = {one.name: one.count for one in plan.layers} | {
            str(row.get("layer")): as_whole(row.get("count")) or 0 for row in results.rows.values()
        }
        known = {one.name: one for one in (*find_units(judge, "*"), *plan.layers) if one.name in present}
        # Before the long work, which would be done for nothing if this fails.
        seen = {} if photographs is None else see_photographs(judge, list(known.values()), photographs)
        words = {}
        if clip is not None and photographs is not None:
            words = {name: dissect(clip, one, photographs) for name, one in seen.items()}
        # The latents of a dictionary that was given before are shown without what they do to photographs.
        layers = [known.get(name) or Units(name, "latent", count) for name, count in present.items()]
        layers.sort(key=lambda one: [*known, one.name].index(one.name))
        sources, asked = Sources(seen, words, photographs), {cell.hash for cell in plan.cells}
        try:
            _, failed = run_cells(
                plan.cells, plan.maker, results, workers or Workers(here=True), stream or sys.stderr, retry
            )
        except (KeyboardInterrupt, RunsStoppedError):
            with suppress(RunsStoppedError):  # The first error says more.
                save_page(results, judge, layers, plan.units, sources, asked)
            raise
        return save_page(results, judge, layers, plan.units, sources, asked), failed
