"""`explain`: what a photograph excites in the layers of a model, in a folder with a page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..common.images import Images, check_images, fit_square, resize
from ..common.modes import own_modes
from ..common.scalars import as_number, check_number
from ..common.seeding import make_generator
from ..common.tensor_file import digest_tensors
from ..facade.render import render
from ..facade.wrap import find_judge
from ..models.classifier import Classifier
from ..models.judge import Judge
from ..models.layers.default_layers import choose_depths
from ..models.layers.layer import find_layers
from ..models.photographs import Photographs, read_picture
from ..objectives.style import caricature, content
from ..report.verdict import classify
from ..runs.cells import Cell, Row
from ..runs.results import Results
from .collection import Collection, Entry, Group, Item, Picture
from .columns import Shown, tell_effects, tell_made
from .items import Columns, MadePicture, list_items, locate_cell, make_page, read_made, save_picture
from .listing import describe_units
from .maker import PictureMaker, name_cell, plan_pictures
from .photographs import Seen, cut_crops, read_photographs, see_photographs
from .saliency import light_up, spread
from .units import find_end, find_units, name_unit, watch

_COPIES = 32  # Of the photograph, with random phases, for which units are as active as usual.
_FEWEST = 4  # Photographs with which one is compared.
_CLASSES = 5  # Of the photograph, the likeliest first.
_SHARP = 896  # The longest side of the photograph that crops are cut of, in pixels.
_SIDE, _INSET, _FRAME = 256, 100, 3  # Of a crop and a card, of the crop in its corner, and of the line around that.
_DARK = 0.15  # The brightness of the photograph where a unit is least active.
_FORMAT = 1  # Changes when what is remade of the photograph would be other.
_COLUMNS, _NONE = ("activation", "usual", "above usual"), (None, None, None)
_PHOTOGRAPH = Picture("photo.webp", "the photograph")
_NOTE = (
    "The photograph as remade from what a layer keeps of it, and as exaggerated by the layer. Then the units that it "
    "excites most, by how many standard deviations their activation, the mean over positions, is above that for {}; in "
    "the corner, the part of the photograph that excites a unit most."
)


@dataclass(frozen=True, eq=False)
class Explainer:
    """Makes the pictures of units, see `PictureMaker`; a task without units remakes a photograph from a layer."""

    maker: PictureMaker
    photo: Tensor

    def __call__(self, task: tuple[str, Sequence[int]], folder: Path) -> Row:
        """Make the pictures of a cell, and write them to a folder."""
        name, numbers = task
        if numbers:
            return self.maker(task, folder)
        judge, photo = self.maker.judge, self.photo
        settings: Any = {"size": judge.size, "steps": self.maker.steps, "seed": self.maker.seed, "progress": False}
        remade = render(judge, content(photo, name), recipe="sketch", **settings)
        exaggerated = render(judge, caricature(photo, name), recipe="feature", start=photo, **settings)
        for file, made in (("remade.webp", remade), ("exaggerated.webp", exaggerated)):
            save_picture(folder / file, made.image, 90)
        return {"pictures": ["remade.webp", "exaggerated.webp"], "lost": -remade.whole_scores["content"][0]}


@own_modes()
def explain(
    model: nn.Module | Judge,
    photo: Images,
    path: Path | str = "explained",
    layers: str | Sequence[str] | None = None,
    top: int = 6,
    *,
    photos: Photographs | None = None,
    seed: int = 0,
    steps: int | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> Path:
    """Make a page of what a photograph excites in a model, layer by layer, and return its path.

    Of each layer it shows the photograph as remade from the activations (`content`) and as exaggerated (`caricature`),
    and the units that it excites most: a picture made for each, where in the photograph it is active, and how much.
    Units come in the order of how far their activation, the mean over positions, is above that for other pictures: in
    standard deviations, to each of which the mean one of the layer is added, so that units that hardly vary do not come
    first (Tusher, Tibshirani and Chu, 2001). The other pictures are `photos`; without, copies of the photograph with
    random phases, which have its colours and its spectrum: compared with these, units for any shape count.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        photo: one image, see `Images`; the model sees its middle square.
        path: the folder, which is new or has the page of this photograph; what is there is not made again.
        layers: names of layers or patterns, see `find_units`; None for about five, spread over the depth.
        top: how many units of each layer, from 1.
        photos: photographs of other things, or a folder of them: 4 at least, better a hundred.
        seed: the seed of all random draws.
        steps: the number of steps of each ascent; None for those of the recipes.
        device: where to compute; by default the device of the model.
        progress: whether to show a progress bar.

    Raises:
        ValueError: when the photograph is none, or there are too few others or no such layer.
        RunsError: when the folder holds something else, is in use, or cannot be written to.
        RunsStoppedError: when the run cannot go on, as with a full disk; called again, `explain` goes on from there.

    Example:
        >>> import direct_ascent as da
        >>> from skimage.data import chelsea
        >>> da.explain(da.load_starter(), chelsea(), "cat", photos="photographs/")  # doctest: +SKIP
        PosixPath('cat/index.html')
    """
    judge, image = find_judge(model, device), check_images(photo, "the photograph").float().clamp(0, 1).cpu()
    if len(image) > 1:
        raise ValueError(f"there are {len(image)} photographs, and a page explains one; give one of them")
    count = check_number("top", top, 1, math.inf, "6 units of each layer are usual", whole=True)
    names = choose_depths(find_layers(judge), judge.size) if layers is None else layers
    units = [find_end(judge, one) for one in find_units(judge, names) if one.layer]
    units = [*(one for one in find_units(judge, "*") if one.kind == "class"), *units]
    maker = plan_pictures(judge, units, ["more"], seed, steps)
    square, sharp = fit_square(image, judge.size), fit_square(image, max(judge.size, min(*image.shape[2:], _SHARP)))
    others = scramble(square, maker.seed) if photos is None else read_photographs(photos, judge.size, _FEWEST)
    here, there = (see_photographs(judge, units, images) for images in (_quantize(square), others))
    known, cells, measured = digest_tensors({"": square}), dict[str, list[Cell]](), dict[str, Columns]()
    for one in units:
        active, usual = here[one.name].means[0], there[one.name].means
        above = compare(active, usual)
        most, by = (count, above) if one.layer else (_CLASSES, active)
        best = by.topk(min(most, one.count)).indices.tolist()
        values = (active, usual.mean(0), above)
        measured[one.name] = {name: {n: float(of[n]) for n in best} for name, of in zip(_COLUMNS, values, strict=True)}
        made_of = (_FORMAT, maker.digest, known, one.name, judge.mean, judge.std, judge.size, maker.seed, maker.steps)
        remade = Cell(name_cell(*made_of), {"layer": one.name, "numbers": "[]"}, (one.name, ()))
        cells[one.name] = [*[remade] * (one.layer is not None), *maker.list_cells(one, best)]
    told = (
        partial(tell_made, caption=_caption),
        tell_titles,
        lambda shown: measured[shown.units.name],
        partial(tell_places, seen=here, sharp=sharp),
        tell_effects,
    )
    results = Results(Path(path))

    def show() -> Collection:
        save_picture(results.path / _PHOTOGRAPH.file, sharp, 92)
        groups, likely = [Group("photograph", judge.name)], list[tuple[str, tuple[Entry, ...]]]()
        if isinstance(judge, Classifier):
            guesses = classify(judge, square, _CLASSES)[0]
            seen = tuple(Entry(one.name, one.probability, f"{units[0].name}:{one.index}") for one in guesses)
            likely = [("seen as", seen)]
        items = [Item("photograph", "photograph", 0, _NONE, (_PHOTOGRAPH,), tuple(likely))]
        for one in units:
            rows = [(cell, row) for cell in cells[one.name] if (row := results.rows.get(cell.hash))]
            groups += [Group(one.name, describe_units(one))] if one.layer else []
            for cell, row in rows:
                items += [] if cell.task[1] else _list_remade(one.name, row, len(groups) - 1)
            made = read_made(results.path, [row for _, row in rows], one.count)
            made = {number: made[number] for number in measured[one.name]["activation"] if number in made}
            shown = Shown(judge, one, made, list(made), results.path, len(groups) - 1)
            items += list_items(shown.tell(*told), _COLUMNS, shown.group)
        usually = "copies of it with random phases" if photos is None else f"{len(others):,} other photographs"
        title, note = f"What a photograph excites in {judge.name}", _NOTE.format(usually)
        return Collection(title, len(items), _COLUMNS, tuple(groups), tuple(items), note)

    with results.claim(f"photograph {known[:12]} in {judge.name} {maker.digest[:12]}"):
        listed = [cell for several in cells.values() for cell in several]
        return make_page(results, listed, Explainer(maker, square), show, None, True, progress)[0]


def scramble(photo: Tensor, seed: int) -> Tensor:
    """Return copies of a photograph (1, 3, S, S), 0..1, as bytes (N, 3, S, S): with its Fourier amplitudes and random
    phases, which differ from those of the photograph alike for all colours."""
    noise = torch.rand(_COPIES, 1, *photo.shape[2:], generator=make_generator(seed))
    turn = torch.fft.rfft2(noise).sgn()
    turn[..., 0, 0] = 1  # The mean colour stays.
    return _quantize(torch.fft.irfft2(torch.fft.rfft2(photo) * turn, s=photo.shape[2:]))


def _quantize(images: Tensor) -> Tensor:
    return (images * 255).round().clamp(0, 255).byte()


def compare(active: Tensor, usual: Tensor) -> Tensor:
    """Return how far units are more active, (units,), than for other pictures, (N, units): see `explain`."""
    spread, mean = torch.std_mean(usual, dim=0)
    return (active - mean) / (spread + spread.mean()).clamp(min=1e-9)


def _list_remade(layer: str, row: Row, group: int) -> list[Item]:
    """Return the items of what was remade of a photograph from a layer."""
    failed, lost = row["status"] == "failed", as_number(row.get("lost")) or 0.0
    said = {"remade": f"remade; its activations differ by {lost:.0%}, squared", "exaggerated": "exaggerated"}
    items = []
    for kind, text in said.items():
        shown = () if failed else (Picture(f"{locate_cell(row)}{kind}.webp", text), _PHOTOGRAPH)
        message = (row["message"] or "failed") if failed else ""
        items.append(Item(f"{layer}:{kind}", kind, group, _NONE, shown, message=message, failed=failed))
    return items


def _caption(made: MadePicture) -> str:
    return f"made for it: {made.activation or 0:.3g}"


def tell_titles(shown: Shown) -> Columns:
    """Call units of a layer what they are, and classes by their names."""
    kind = shown.units.kind
    names = {number: name_unit(shown.judge, shown.units, number) for number in shown.made}
    return {
        "title": {n: f"{kind} {name}" if shown.units.layer else name.partition(" ")[2] for n, name in names.items()}
    }


def tell_places(shown: Shown, seen: Mapping[str, Seen], sharp: Tensor) -> Columns:
    """Show where in a photograph units are active, and the part that excites them most, also in a corner of the picture
    that was made for them."""
    judge, units, layer = shown.judge, shown.units, shown.units.layer
    if layer is None:
        return {}
    photo = fit_square(sharp, judge.size)
    crops = cut_crops(judge, units, seen[units.name], _quantize(sharp), shown.numbers, 0.5, _SIDE)
    with torch.no_grad():
        fields = units.read(watch(judge, [units])(judge.bring(photo)))[0].cpu()
    cards, places = dict[int, tuple[Picture, ...]](), dict[int, tuple[Picture, ...]]()
    for number, several in zip(shown.numbers, crops, strict=True):
        where, part, card = (f"photographs/{shown.group}/{number}_{kind}.webp" for kind in "abc")
        light, crop = light_up(spread(fields[number : number + 1], layer, judge.size)), several[..., :_SIDE]
        save_picture(shown.path / where, photo * (_DARK + (1 - _DARK) * light))
        save_picture(shown.path / part, crop)
        places[number] = (
            Picture(where, f"where it is active: {float(fields[number].max()):.3g} at most"),
            Picture(part, "the part that excites it most"),
        )
        for each in shown.made[number].pictures:  # At most one.
            if (picture := read_picture(shown.path / each.file, _SIDE)) is not None:
                picture[..., -_INSET - _FRAME :, -_INSET - _FRAME :] = 1
                picture[..., -_INSET:, -_INSET:] = resize(crop, (_INSET, _INSET))
                save_picture(shown.path / card, picture)
                cards[number] = (Picture(each.file, _caption(each), card),)
    return {"made": cards, "places": places}
