"""`explain`: what a photograph excites in the layers of a model, in a folder with a page."""

import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..ascent.preparation import check_settings
from ..common.images import Images, check_images, fit_square, resize, to_bytes
from ..common.modes import own_modes
from ..common.scalars import as_whole
from ..common.seeding import make_generator
from ..common.tensor_file import digest_tensors
from ..common.text import shorten
from ..facade.render import render
from ..facade.wish import caricature, invert
from ..facade.wrap import find_judge
from ..models.classifier import Classifier
from ..models.judge import Judge
from ..models.layers.default_layers import choose_depths
from ..models.layers.layer import find_layers
from ..models.photographs import Photographs, read_picture
from ..report.verdict import classify
from ..runs.cells import Cell, Row, Workers
from ..runs.engine import run_cells
from ..runs.results import Results
from .atlas import list_cells
from .collection import Collection, Entry, Group, Item, Picture, save_collection
from .listing import describe_units
from .photographs import Seen, cut_crops, read_photographs, see_photographs
from .pictures import PictureMaker, choose_side
from .saliency import light_up, spread
from .show import DEAD, find_effects, list_effects, locate_cell, read_units, save_picture
from .units import Units, find_end, find_units, name_unit, watch

_COPIES = 32  # Of the photograph, with random phases, for which units are as active as usual.
_FEWEST = 4  # Photographs with which one is compared.
_CLASSES = 5  # Of the photograph, the likeliest first.
_SHARP = 896  # The longest side of the photograph that crops are cut of, in pixels.
_SIDE, _INSET, _FRAME = 256, 100, 3  # Of a crop and a card, of the crop in its corner, and of the line around that.
_DARK = 0.15  # The brightness of the photograph where a unit is least active.
_FORMAT = 1  # Changes when what is remade of the photograph would be other.
_COLUMNS = ("activation", "usual", "above usual")


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
        remade = render(judge, invert(photo, name), recipe="sketch", **settings)
        exaggerated = render(judge, caricature(photo, name), recipe="feature", start=photo, **settings)
        for file, made in (("remade.webp", remade), ("exaggerated.webp", exaggerated)):
            Image.fromarray(to_bytes(made.image)).save(folder / file, "WEBP", quality=90)
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

    Of each layer it shows the photograph as remade from the activations (`invert`) and as exaggerated (`caricature`),
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
    if (count := as_whole(top)) is None or count < 1:
        raise ValueError(f"top {shorten(top)} is no number of units; give how many of each layer to show, from 1")
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    names = choose_depths(find_layers(judge), judge.size) if layers is None else layers
    units = [find_end(judge, one) for one in find_units(judge, names) if one.layer]
    units = [*(one for one in find_units(judge, "*") if one.kind == "class"), *units]
    shown, sharp = fit_square(image, judge.size), fit_square(image, max(judge.size, min(*image.shape[2:], _SHARP)))
    others = scramble(shown, seed) if photos is None else read_photographs(photos, judge.size)
    if len(others) < _FEWEST:
        raise ValueError(f"{len(others)} photos do not tell how active units usually are; give {_FEWEST}, better 100")
    here, there = (see_photographs(judge, units, images) for images in (_quantize(shown), others))
    sides = {one.name: choose_side(judge, one.layer) for one in units}
    maker = PictureMaker(judge, {one.name: one for one in units}, ("more",), sides, int(seed), steps)
    digest, known = digest_tensors(judge.module.state_dict()), digest_tensors({"": shown})
    cells, measured = list[Cell](), dict[str, tuple[Sequence[int], Tensor]]()
    for one in units:
        active, usual = here[one.name].means[0], there[one.name].means
        above = compare(active, usual)
        order, most = (above, count) if one.layer else (active, _CLASSES)
        measured[one.name] = (
            order.topk(min(most, one.count)).indices.tolist(),
            torch.stack([active, usual.mean(0), above]),
        )
        if one.layer:
            made_of = repr((_FORMAT, digest, known, one.name, judge.mean, judge.std, judge.size, seed, steps))
            name = hashlib.sha256(made_of.encode()).hexdigest()[:32]
            cells.append(Cell(name, {"layer": one.name, "numbers": "[]"}, (one.name, ())))
        cells += list_cells(maker, one, measured[one.name][0], (digest, ""))
    results = Results(Path(path))
    with results.claim(f"photograph {known[:12]} in {judge.name} {digest[:12]}"):
        stream = sys.stderr if progress else io.StringIO()
        run_cells(cells, Explainer(maker, shown), results, Workers(here=True), stream, retry=True)
        save_picture(results.path / "photo.webp", sharp, 92)
        photograph, groups = Picture("photo.webp", "the photograph"), [Group("photograph", judge.name)]
        likely = classify(judge, shown, _CLASSES)[0] if isinstance(judge, Classifier) else []
        seen = [("seen as", tuple(Entry(one.name, one.probability, f"{units[0].name}:{one.index}") for one in likely))]
        items = [Item("photograph", "photograph", 0, (None,) * 3, (photograph,), tuple(seen if likely else []))]
        for one in units:
            rows = [results.rows[cell.hash] for cell in cells if cell.task[0] == one.name]
            if one.layer:
                groups.append(Group(one.name, describe_units(one)))
                items += _list_remade(rows[0], photograph, len(groups) - 1)
            items += _list_units(results, judge, one, rows, len(groups) - 1, here[one.name], sharp, *measured[one.name])
        usually = "copies of it with random phases" if photos is None else f"{len(others):,} other photographs"
        note = (
            "The photograph as remade from what a layer keeps of it, and as exaggerated by the layer. Then the units "
            "that it excites most, by how many standard deviations their activation, the mean over positions, is above "
            f"that for {usually}; in the corner, the part of the photograph that excites a unit most."
        )
        title = f"What a photograph excites in {judge.name}"
        return save_collection(results.path, Collection(title, len(items), _COLUMNS, tuple(groups), tuple(items), note))


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


def _list_remade(row: Row, photograph: Picture, group: int) -> list[Item]:
    """Return the items of what was remade of a photograph from a layer."""
    failed, home, lost = row["status"] == "failed", locate_cell(row), row.get("lost")
    said = {"remade": f"remade; its activations differ by {lost or 0:.0%}, squared", "exaggerated": "exaggerated"}
    return [
        Item(
            f"{row['layer']}:{kind}",
            kind,
            group,
            (None,) * 3,
            () if failed else (Picture(f"{home}{kind}.webp", text), photograph),
            message=row["message"] if failed else "",
            failed=failed,
        )
        for kind, text in said.items()
    ]


def _list_units(
    results: Results,
    judge: Judge,
    units: Units,
    rows: Sequence[Row],
    group: int,
    seen: Seen,
    sharp: Tensor,
    numbers: Sequence[int],
    values: Tensor,
) -> list[Item]:
    """Return the items of the units of a layer that a photograph excites, and save what it shows where it does."""
    made = {one.unit: (one, locate_cell(row)) for row in rows for one in read_units(row)}
    photo, effects = fit_square(sharp, judge.size), find_effects(judge, units)
    crops = (
        cut_crops(judge, units, seen, _quantize(sharp), numbers, 0.5, _SIDE) if units.layer else [sharp] * len(numbers)
    )
    with torch.no_grad():
        fields = units.read(watch(judge, [units])(judge.bring(photo)))[0].cpu()
    items = []
    for number, crop in zip(numbers, crops, strict=True):
        if number not in made:  # Damaged by hand.
            continue
        one, home = made[number]
        pictures = [Picture(home + each.file, f"made for it: {each.activation:.3g}") for each in one.pictures]
        if units.layer:
            light = light_up(spread(fields[number : number + 1], units.layer, judge.size))
            crop, files = crop[..., :_SIDE], [f"photographs/{group}/{number}_{kind}.webp" for kind in "abc"]
            save_picture(results.path / files[0], photo * (_DARK + (1 - _DARK) * light))
            save_picture(results.path / files[1], crop)
            for each in pictures:  # At most one.
                if (card := read_picture(results.path / each.file, _SIDE)) is None:
                    continue
                card[..., -_INSET - _FRAME :, -_INSET - _FRAME :] = 1
                card[..., -_INSET:, -_INSET:] = resize(crop, (_INSET, _INSET))
                save_picture(results.path / files[2], card)
                pictures = [Picture(each.file, each.caption, files[2])]
            pictures.append(Picture(files[0], f"where it is active: {float(fields[number].max()):.3g} at most"))
            pictures.append(Picture(files[1], "the part that excites it most"))
        lists = list_effects(judge, effects[:, number]) if effects is not None and isinstance(judge, Classifier) else []
        name = name_unit(judge, units, number)
        items.append(
            Item(
                f"{units.name}:{number}",
                f"{units.kind} {name}" if units.layer else name.partition(" ")[2],
                group,
                tuple(values[:, number].tolist()),
                tuple(pictures),
                tuple(lists),
                message=one.message or (DEAD if one.dead else ""),
                failed=bool(one.message),
            )
        )
    return items
