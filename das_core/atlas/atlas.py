"""`atlas`: pictures of every unit of a model, and what is known of it, in a folder with a page."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..ascent.result import AscentError
from ..common.choices import check_choice
from ..common.modes import own_modes
from ..common.scalars import as_list, as_whole
from ..facade.wrap import find_judge
from ..models.clip import CLIP
from ..models.dictionary import Dictionary
from ..models.judge import Judge, check_judge
from ..models.photographs import Photographs
from ..runs.cells import Cell, Workers
from ..runs.results import Results
from .collection import Collection, Group, Item
from .columns import Shown, tell_alike, tell_effects, tell_made, tell_photographs, tell_words
from .items import list_items, make_page, read_made
from .listing import describe_units
from .maker import PictureMaker, plan_pictures
from .photographs import dissect, read_photographs, see_photographs, weigh_words
from .pictures import PICTURES, make_pictures
from .units import Units, choose_numbers, find_units

USUAL = ("more", "less", "diverse")  # The pictures that are made of a unit unless others are named.

_BYTES = 0.22  # Of a picture on disk, for each of its pixels.
_TIMED = 8  # Units of a layer, the pictures of which are timed.


@dataclass(frozen=True, eq=False)
class AtlasPlan:
    """What an atlas will hold: its cells, each with some units of a layer, and what makes their pictures."""

    maker: PictureMaker
    cells: tuple[Cell, ...]

    @property
    def units(self) -> int:
        """How many units there are."""
        return sum(len(cell.task[1]) for cell in self.cells)

    def describe(self) -> str:
        """Return how many units there are in each layer, and, by the time of some steps of each, how long all takes."""
        lines, seconds, space, maker = [], 0.0, 0.0, self.maker
        kinds = [PICTURES[kind] for kind in maker.pictures]
        for units in maker.layers.values():
            numbers = [number for cell in self.cells for number in cell.task[1] if cell.task[0] == units.name]
            side, count = maker.sides[units.name], len(numbers)
            views = sum(kind.count_views(units, side, maker.steps) for kind in kinds)
            took = count * views * self._time_view(units, numbers[:: -(-count // _TIMED)])
            seconds, space = seconds + took, space + count * sum(kind.count for kind in kinds) * _BYTES * side * side
            lines.append(f"  {units.name}: {count:,} units at {side} pixels, {tqdm.format_interval(took)}")
        if len(lines) > 24:
            lines[12:-12] = [f"  … {len(lines) - 24:,} more layers"]
        what = f"{self.units:,} units in {len(maker.layers):,} layers of {maker.judge.name}"
        whole = tqdm.format_interval(seconds)
        return "\n".join([f"{what}: about {whole} by one process of this machine, and {space / 2**20:,.0f} MB", *lines])

    def _time_view(self, units: Units, numbers: Sequence[int]) -> float:
        """Return how many seconds a view takes, beside others, by some steps for these units."""
        maker, ends = self.maker, list[float]()
        judge, wanted = replace(maker.judge, size=maker.sides[units.name]), PICTURES[maker.pictures[0]]
        with suppress(AscentError):  # Dead units take no time, nor do cells that fail; those say why.
            make_pictures(judge, units, wanted, numbers, steps=3, callback=lambda _: ends.append(time.perf_counter()))
        steps = max(1, len(ends) - 1)  # But the first, which takes longer.
        views = wanted.count_views(units, judge.size, 1) * len(numbers)
        return (max(ends, default=0.0) - min(ends, default=0.0)) / (steps * views)


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
    for kind in kinds or [""]:
        check_choice("pictures", kind, PICTURES)
    found = find_units(judge, layers, dictionaries)
    if not isinstance(units, str | Real | Tensor | None):
        units = as_list("units", units, "[0, 7]")  # Before several layers read it: it may be an iterator.
    maker = plan_pictures(judge, found, list(dict.fromkeys(kinds)), seed, steps)
    return AtlasPlan(maker, tuple(cell for one in found for cell in maker.list_cells(one, choose_numbers(one, units))))


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
    return make_atlas(plan, Path(path), photos, clip, workers, retry, progress)[0]


@own_modes()
def make_atlas(
    plan: AtlasPlan,
    path: Path,
    photos: Photographs | None = None,
    clip: Judge | None = None,
    workers: Workers | None = None,
    retry: bool = False,
    progress: bool = True,
) -> tuple[Path, int]:
    """Carry out a plan in a folder, and return the path of the page, and how many cells failed; see `atlas`."""
    maker, judge, asked = plan.maker, plan.maker.judge, {cell.hash for cell in plan.cells}
    if clip is not None:
        clip = check_judge(clip, CLIP, "reads no words; load a CLIP, as `load_starter_clip()` does")
        if photos is None:
            raise ValueError("words are chosen by photographs, and there are none; give a folder of them as photos")
        _ = clip.text_tower  # Raises the error of a model without one.
    photographs = None if photos is None else read_photographs(photos, judge.size)
    results = Results(path)
    with results.claim(f"atlas of {judge.name} {maker.digest[:12]}"):
        # The page shows all that is in the folder, also layers that are not in this plan.
        counts = {str(row.get("layer")): as_whole(row.get("count")) or 0 for row in results.rows.values()}
        found = {one.name: one for one in (*find_units(judge, "*"), *maker.layers.values())}
        known = [one for name, one in found.items() if name in counts or name in maker.layers]
        # The latents of a dictionary that was given before are shown without what they do to photographs.
        layers = [*known, *(Units(name, "latent", count) for name, count in counts.items() if name not in found)]
        # Before the long work, which would be done for nothing if this fails.
        seen = {} if photographs is None else see_photographs(judge, known, photographs)
        words = {}
        if clip is not None and photographs is not None:
            likely = weigh_words(clip, photographs)
            words = {name: dissect(likely, one.means) for name, one in seen.items()}
        told = (
            tell_made,
            partial(tell_photographs, seen=seen, photographs=photographs),
            partial(tell_words, words=words),
            tell_effects,
            partial(tell_alike, seen=seen),
        )
        columns = ("activation", *["above photographs, %"] * bool(seen), "dead")

        def show() -> Collection:
            # If a unit has several results, that of a cell which was asked for counts, or the latest.
            rows = sorted(results.rows.values(), key=lambda row: row["cell"] in asked)
            groups, items = list[Group](), list[Item]()
            for units in layers:
                if own := [row for row in rows if row.get("layer") == units.name]:
                    made, sees = read_made(results.path, own, units.count), seen.get(units.name)
                    # Of units that nothing changes, there is nothing more to show.
                    moving = [number for number, one in made.items() if not one.dead or (sees and sees.move(number))]
                    shown = Shown(judge, units, made, moving, results.path, len(groups))
                    items += list_items(shown.tell(*told), columns, len(groups))
                    groups.append(Group(units.name, describe_units(units)))
            total = max(plan.units, len(items))
            return Collection(judge.name, total, columns, tuple(groups), tuple(items), noun="units")

        return make_page(results, plan.cells, maker, show, workers, retry, progress)
