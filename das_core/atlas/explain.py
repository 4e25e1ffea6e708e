"""`explain`: what a photograph excites in the layers of a model, in a folder with a page."""

import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..ascent.preparation import check_settings
from ..common.images import Images, check_images, fit_square, resize, to_bytes
from ..common.scalars import as_whole
from ..common.seeding import make_generator
from ..common.text import shorten
from ..facade.render import render
from ..facade.wish import caricature, invert
from ..facade.wrap import find_judge
from ..models.classifier import Classifier
from ..models.judge import Judge
from ..models.layers.default_layers import choose_depths
from ..models.layers.layer import find_layers
from ..models.photographs import FEWEST, Photographs
from ..models.sources.kept_tensors import digest_tensors
from ..report.verdict import classify
from ..runs.cells import Cell, Row, Workers
from ..runs.engine import run_cells
from ..runs.results import Results
from .atlas import list_cells
from .collection import Collection, Entry, Group, Item, Picture, save_collection
from .photographs import read_photographs, see_photographs
from .pictures import PictureMaker, choose_side
from .places import choose_crop, cut_crop, find_grid
from .show import DEAD, describe_units, find_effects, list_effects, locate_cell, read_units, save_picture
from .units import CLASSES, Units, find_end, find_units, name_unit, watch

_COPIES = 32  # Of the photograph, with random phases, for which units are as active as usual.
_SHARP = 896  # The longest side of the photograph of which crops are cut, in pixels.
_SIDE, _INSET, _BORDER = 256, 100, 3  # Of a card, of the crop in its corner, and of the frame around it.
_DARK = 0.15  # The brightness of the photograph where a unit is least active.
_CLASSES = 5  # Of the photograph, the likeliest first.
_FORMAT = 1  # Changes when what is remade of the photograph would be other.


@dataclass(frozen=True, eq=False)
class Excited:
    """What a photograph does to the units of a layer: how active they are, how active usually, and how far above, each
    (units,); and the units that are shown, the most excited first."""

    units: Units
    active: Tensor
    usual: Tensor
    above: Tensor
    numbers: tuple[int, ...]


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
        settings = {"size": judge.size, "steps": self.maker.steps, "seed": self.maker.seed, "progress": False}
        remade = render(judge, invert(photo, name), recipe="sketch", **settings)
        exaggerated = render(judge, caricature(photo, name), recipe="feature", start=photo, **settings)
        for file, made in (("remade.webp", remade), ("exaggerated.webp", exaggerated)):
            Image.fromarray(to_bytes(made.image)).save(folder / file, "WEBP", quality=90)
        return {"pictures": ["remade.webp", "exaggerated.webp"], "lost": -remade.scores["content"][0]}


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
    workers: Workers | None = None,
    progress: bool = True,
) -> Path:
    """Make a page of what a photograph excites in a model, layer by layer, and return its path.

    A layer shows what the photograph is when it is remade from the activations of the layer (`invert`) and when they
    are exaggerated (`caricature`), and the units that it excites most: a picture that was made of each, where in the
    photograph it is active, and how much. Units are compared by how far their activation, the mean over positions, is
    above that for other pictures: in standard deviations, to which that of the mean unit of the layer is added, so that
    units which hardly vary do not come first (Tusher, Tibshirani and Chu, 2001). These pictures are `photos`, or copies
    of the photograph with random phases, which keep its colours and its spectrum and show nothing: then much of what
    counts is that there are things at all.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        photo: one image, see `Images`; the model sees its middle square.
        path: the folder, which is new or holds what was made of this photograph; what is there is not made again.
        layers: names of layers or patterns, see `find_units`; None for about five, spread over the depth.
        top: how many units of each layer, from 1.
        photos: usual photographs, or a folder of them, better a hundred; None for copies of `photo` without things.
        seed: the seed of all random draws.
        steps: the number of steps of each ascent; None for those of the recipes.
        device: where to compute; by default the device of the model.
        workers: processes of this machine, or a cluster, see `Workers`; None for this process alone.
        progress: whether to show a progress bar.

    Raises:
        ValueError: when the photograph is none, or there are too few others or no such layer.
        RunsError: when the folder holds something else, is in use, or cannot be written to.
        RunsStoppedError: when the run cannot go on, as with a full disk; called again, `explain` goes on from there.

    Example:
        >>> import direct_ascent as da
        >>> from skimage.data import chelsea
        >>> da.explain(da.load_starter(), chelsea(), path="cat", photos="photographs/")  # doctest: +SKIP
        PosixPath('cat/index.html')
    """
    judge, image = find_judge(model, device), check_images(photo, "the photograph").float().clamp(0, 1).cpu()
    if len(image) > 1:
        raise ValueError(f"there are {len(image)} photographs, and a page explains one; give one of them")
    if (count := as_whole(top)) is None or count < 1:
        raise ValueError(f"top {shorten(top)} is no number of units; give how many of each layer to show, from 1")
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    named = choose_depths(find_layers(judge), judge.size) if layers is None else layers
    units = [find_end(judge, one) for one in find_units(judge, named) if one.layer is not None]
    units += find_units(judge, CLASSES) if isinstance(judge, Classifier) else []
    shown = fit_square(image, judge.size)
    others = scramble(shown, seed) if photos is None else read_photographs(photos, judge.size)
    if len(others) < FEWEST:
        raise ValueError(f"{len(others)} photos do not tell how active units usually are; give {FEWEST}, better 100")
    excited = compare(judge, units, _to_bytes(shown), others, count)
    sides = {one.name: choose_side(judge, one.layer) for one in units}
    maker = PictureMaker(judge, {one.name: one for one in units}, ("more",), sides, seed, steps)
    digests = (digest_tensors(judge.module.state_dict()), digest_tensors({"": shown}))
    cells = list[Cell]()
    for one in excited:
        if one.units.layer is not None:
            made_of = repr((_FORMAT, *digests, one.units.name, judge.mean, judge.std, judge.size, seed, steps))
            name = hashlib.sha256(made_of.encode()).hexdigest()[:32]
            cells.append(Cell(name, {"layer": one.units.name, "numbers": "[]"}, (one.units.name, ())))
        cells += list_cells(maker, one.units, one.numbers, (digests[0], ""))
    results, stream = Results(Path(path)), sys.stderr if progress else io.StringIO()
    with results.claim(f"photograph {digests[1][:12]} in {judge.name} {digests[0][:12]}"):
        run_cells(cells, Explainer(maker, shown), results, workers or Workers(here=True), stream, retry=True)
        sharp = fit_square(image, max(judge.size, min(*image.shape[2:], _SHARP)))
        usual = "for copies of the photograph without things" if photos is None else f"for {len(others):,} photographs"
        return save_page(results, judge, excited, [results.rows[cell.hash] for cell in cells], sharp, usual)


def scramble(photo: Tensor, seed: int) -> Tensor:
    """Return copies of a photograph (1, 3, S, S), 0..1, as bytes (N, 3, S, S): with its Fourier amplitudes and random
    phases, the same for all colours."""
    noise = torch.rand(_COPIES, 1, *photo.shape[2:], generator=make_generator(seed))
    phases = torch.fft.rfft2(noise).angle()
    phases[..., 0, 0] = 0  # The mean colour stays.
    spectrum = torch.fft.rfft2(photo) * torch.polar(torch.ones_like(phases), phases)
    return _to_bytes(torch.fft.irfft2(spectrum, s=photo.shape[2:]))


def _to_bytes(images: Tensor) -> Tensor:
    return (images * 255).round().clamp(0, 255).byte()


def compare(judge: Judge, units: Sequence[Units], photo: Tensor, others: Tensor, top: int) -> list[Excited]:
    """Return what a photograph (1, 3, size, size) excites, compared with others (N, 3, size, size), all bytes."""
    here, there = (see_photographs(judge, units, images) for images in (photo, others))
    found = []
    for one in units:
        active, (spread, usual) = here[one.name].means[0], torch.std_mean(there[one.name].means, dim=0)
        above = (active - usual) / (spread + spread.mean()).clamp(min=1e-9)
        order = active if one.layer is None else above
        chosen = order.topk(min(top if one.layer else _CLASSES, one.count)).indices.tolist()
        found.append(Excited(one, active, usual, above, tuple(chosen)))
    return found


def save_page(
    results: Results, judge: Judge, excited: Sequence[Excited], rows: Sequence[Row], sharp: Tensor, usual: str
) -> Path:
    """Write the page of a photograph (1, 3, S, S), 0..1, from the rows of its cells, and return its path."""
    save_picture(results.path / "photo.webp", sharp, 92)
    photograph, groups = Picture("photo.webp", "the photograph"), [Group("photograph", f"as {judge.name} sees it")]
    seen = classify(judge, sharp)[0] if isinstance(judge, Classifier) else []
    entries = tuple(Entry(one.name, one.probability, f"{CLASSES}:{one.index}") for one in seen)
    nothing = (None, None, None)
    items = [Item("photograph", "photograph", 0, nothing, (photograph,), (("seen as", entries),) if entries else ())]
    for one in sorted(excited, key=lambda one: one.units.layer is not None):
        own = [row for row in rows if row["layer"] == one.units.name]
        if one.units.layer is not None:
            groups.append(Group(one.units.name, describe_units(one.units)))
            row, home = own[0], locate_cell(own[0])
            failed, kept = row["status"] == "failed", 100 - 100 * (row.get("lost") or 0)
            for kind, said in (("remade", f"{kept:.0f} % of the activations kept"), ("exaggerated", "")):
                shown = () if failed else (Picture(f"{home}{kind}.webp", said or kind), photograph)
                message = (row["message"] or "") if failed else ""
                name = f"{one.units.name}:{kind}"
                items.append(Item(name, kind, len(groups) - 1, nothing, shown, message=message, failed=failed))
        items += _list_units(results, judge, one, own, len(groups) - 1, sharp)
    note = (
        "The photograph as it is remade from what a layer keeps of it, and with what the layer sees in it exaggerated; "
        "then the units that it excites most, ordered by how many standard deviations their activation, the mean over "
        f"positions, is above that {usual}; in the corner, the part of the photograph that excites a unit most."
    )
    title = f"What a photograph excites in {judge.name}"
    columns = ("activation", "usual", "above usual")
    return save_collection(results.path, Collection(title, len(items), columns, tuple(groups), tuple(items), note))


def _list_units(
    results: Results, judge: Judge, found: Excited, rows: Sequence[Row], group: int, sharp: Tensor
) -> list[Item]:
    """Return the items of the units that are shown of a layer, and save what shows where they are active."""
    units, made = found.units, {one.unit: (one, locate_cell(row)) for row in rows for one in read_units(row)}
    rows_, columns = find_grid(units.layer)
    photo, share, effects = fit_square(sharp, judge.size), choose_crop(judge, units.layer), find_effects(judge, units)
    with torch.no_grad():
        active = units.read(watch(judge, [units])(judge.bring(photo)))[0].cpu()
    items = []
    for number in found.numbers:
        one, home = made[number]
        shown = [Picture(home + picture.file, f"more: {picture.activation:.3g}") for picture in one.pictures]
        if units.layer is not None:
            crop = cut_crop(sharp, units.layer, int(active[number].argmax()), share, _SIDE)
            field = active[number, -rows_ * columns :].reshape(1, 1, rows_, columns)
            light = (field - field.min()) / (field.max() - field.min()).clamp(min=1e-9)
            light = F.interpolate(light, size=photo.shape[2:], mode="bilinear").clamp(0, 1)
            files = [f"photographs/{group}/{number}_{kind}.webp" for kind in ("crop", "where", "card")]
            save_picture(results.path / files[0], crop)
            save_picture(results.path / files[1], photo * (_DARK + (1 - _DARK) * light))
            shown += [
                Picture(files[1], f"where: {active[number].max():.3g} at most"), Picture(files[0], "there")
            ]
            if one.pictures:
                with Image.open(results.path / home / one.pictures[0].file) as file:
                    card = resize(check_images(file, "picture"), (_SIDE, _SIDE))
                inset = F.pad(resize(crop, (_INSET, _INSET)), (_BORDER, 0, _BORDER, 0), value=1.0)
                card[:, :, -inset.shape[2] :, -inset.shape[3] :] = inset
                save_picture(results.path / files[2], card)
                shown[0] = Picture(shown[0].file, shown[0].caption, files[2])
        lists = list_effects(judge, effects[:, number]) if effects is not None and isinstance(judge, Classifier) else []
        values = tuple(float(each[number]) for each in (found.active, found.usual, found.above))
        name = name_unit(judge, units, number)
        title = f"{units.kind} {name}" if units.layer else name.split(" ", 1)[1]
        message = one.message or (DEAD if one.dead else "")
        items.append(Item(f"{units.name}:{number}", title, group, values, tuple(shown), tuple(lists), message=message, failed=bool(one.message)))
    return items
