"""`activation_atlas`: the activations of a layer for photographs, on a sheet of pictures, in a folder with a page."""

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from ..ascent.preparation import check_settings
from ..common.images import check_images, to_bytes
from ..common.modes import own_modes
from ..common.scalars import as_whole
from ..common.tensor_file import digest_tensors
from ..common.text import shorten
from ..facade.wrap import find_judge
from ..models.classifier import Classifier
from ..models.judge import Judge
from ..models.layers.layer import find_layer, find_layers
from ..models.photographs import Photographs, read_picture
from ..runs.cells import Workers
from ..runs.engine import run_cells
from ..runs.results import Results
from .activation_cells import Array, Means, find_nearest, lay_out, make_layout, measure_effects, sample_activations
from .atlas import list_cells
from .collection import Collection, Entry, Item, Picture, save_collection
from .photographs import Seen, cut_crops, find_grid, read_photographs
from .pictures import PictureMaker, choose_side
from .show import list_effects, locate_cell, read_units, save_picture

_FEWEST = 16  # Photographs of which an atlas is made.
_GAP = 2  # Between the pictures of a sheet, in pixels.


@own_modes()
def activation_atlas(
    model: nn.Module | Judge,
    layer: str,
    photos: Photographs,
    path: Path | str = "activation_atlas",
    grid: int = 8,
    *,
    places: int = 4,
    fewest: int = 4,
    size: int = 160,
    layout: Callable[[Array], Any] | None = None,
    seed: int = 0,
    steps: int | None = None,
    device: torch.device | str | None = None,
    workers: Workers | None = None,
    progress: bool = True,
) -> Path:
    """Make an activation atlas (Carter et al., "Activation Atlas", 2019), and return the path of its page.

    The activations of a layer at some positions of photographs are laid out in a plane, alike ones near to each other,
    and a grid divides the plane. Of each cell a picture is made, of the direction from the mean of all activations to
    that of the cell, so that also the cosine counts; `sheet.webp` has all pictures. (The paper whitens the directions
    instead.)

    The classes of a cell are those whose log-probability is raised most when the layer has the mean activation of the
    cell at every position, compared with the mean of all: for a layer before the last one, what its weights say.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        layer: the name of a layer with positions; in late layers things are alike, in early ones textures.
        photos: photographs, or a folder of them: 16 at least, better a thousand.
        path: the folder, which is new or has this atlas; what is there is not made again.
        grid: how many rows and columns there are, 2 to 64.
        places: how many positions of each photograph, at random, not at its border.
        fewest: how many activations a cell has at least; other cells are empty.
        size: the side of a picture in pixels, for a model that takes images of this side.
        layout: a function from activations (N, C), of length 1, to points (N, 2), such as `UMAP(20).fit_transform`,
            as in the paper; None for t-SNE.
        seed: the seed of all random draws.
        steps: the number of steps of each ascent; None for those of the recipe.
        device: where to compute; by default the device of the model.
        workers: processes of this machine, or a cluster, see `Workers`; None for this process alone.
        progress: whether to show a progress bar.

    Raises:
        ValueError: when there is no such layer, it has no positions, or there are too few photographs.
        RunsError: when the folder holds something else, is in use, or cannot be written to.
        RunsStoppedError: when the run cannot go on, as with a full disk; called again, it goes on from there.

    Example:
        >>> import direct_ascent as da
        >>> da.activation_atlas(da.load_starter(), "blocks.5", "photographs/", "map")  # doctest: +SKIP
        PosixPath('map/index.html')
    """
    judge = find_judge(model, device)
    known = find_layers(judge)
    where = find_layer(known, layer, judge.name)
    if max(find_grid(where)[:2]) < 2:
        names = [one.name for one in known if max(find_grid(one)[:2]) > 1]
        raise ValueError(f"layer {where.name} has no positions ({where.describe()}); name one that has, as {names[-1]}")
    limits = {"grid": (grid, 2, 64), "places": (places, 1, 999), "fewest": (fewest, 1, 999), "size": (size, 8, 2048)}
    for name, (value, least, most) in limits.items():
        if (whole := as_whole(value)) is None or not least <= whole <= most:
            raise ValueError(f"{name} {shorten(value)} is no whole number from {least} to {most}; choose one of these")
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    photographs = read_photographs(photos, judge.size)
    if len(photographs) < _FEWEST:
        raise ValueError(f"{len(photographs)} photographs are too few for an atlas; give {_FEWEST}, better a thousand")
    positions, activations = sample_activations(judge, where, photographs, places, seed)
    points = lay_out(activations, layout or make_layout(len(activations), seed))
    cells = (points * grid).long().clamp(max=grid - 1) @ torch.tensor([1, grid])
    counts = cells.bincount(minlength=grid**2).tolist()
    shown = [cell for cell, count in enumerate(counts) if count >= fewest]
    if not shown:
        raise ValueError(f"no cell of {grid} x {grid} has {fewest} activations; give more photos, or a smaller grid")
    means, center = torch.stack([activations[cells == cell].mean(dim=0) for cell in shown]), activations.mean(dim=0)
    vectors = F.normalize(means - center, dim=1)
    units = Means(where.name, "mean", len(shown), where, center=center, vectors=vectors)
    side = choose_side(judge, where, size)
    maker = PictureMaker(judge, {units.name: units}, ("more",), {units.name: side}, int(seed), steps)
    digest, kept = digest_tensors(judge.module.state_dict()), {"": vectors, "center": center, "cells": cells}
    planned = list_cells(maker, units, range(len(shown)), (digest, digest_tensors(kept)))
    results, stream = Results(Path(path)), sys.stderr if progress else io.StringIO()
    with results.claim(f"activation atlas of {judge.name} {digest[:12]}, {where.name} {digest_tensors(kept)[:12]}"):
        run_cells(planned, maker, results, workers or Workers(here=True), stream, retry=True)
        found = Seen(means, means, find_nearest(activations - center, cells, shown, vectors, positions))
        crops = cut_crops(judge, units, found, photographs, range(len(shown)), 0.5, side)
        effects = measure_effects(judge, where, means, center) if isinstance(judge, Classifier) else None
        rows = [results.rows[cell.hash] for cell in planned]
        made = {one.unit: (one, locate_cell(row)) for row in rows for one in read_units(row)}
        items, titles, sheet, crop_sheet = list[Item](), dict[int, str](), dict[int, Tensor](), dict[int, Tensor]()
        for number, cell in enumerate(shown):
            if number not in made:  # Damaged by hand.
                continue
            row, column = (at + 1 for at in divmod(cell, grid))
            titles[cell], lists, pictures = f"{row}, {column}", list[tuple[str, tuple[Entry, ...]]](), list[Picture]()
            one, home = made[number]
            for picture in one.pictures:
                pictures.append(Picture(home + picture.file, "made for the cell"))
                if (cut := read_picture(results.path / home / picture.file, side)) is not None:
                    sheet[cell] = cut
            pictures.append(Picture(f"photographs/{number}.webp", "parts of photographs, the nearest first"))
            save_picture(results.path / f"photographs/{number}.webp", crops[number])
            crop_sheet[cell] = crops[number][:, :, :side, :side]
            if effects is not None and isinstance(judge, Classifier):
                lists = list_effects(judge, effects[number])
                titles[cell] = next((entry.text for entry in lists[0][1]), titles[cell])
            item = Item(
                f"{row},{column}", titles[cell], None, (row, column, counts[cell]), tuple(pictures), tuple(lists)
            )
            items.append(replace(item, message=one.message, failed=bool(one.message)))
        for name, said, parts in (("photographs", "photographs near to each", crop_sheet), ("sheet", "all", sheet)):
            laid = lay_sheet(parts, grid, side)
            laid = laid if effects is None else write_titles(laid, titles, grid, side)
            save_picture(results.path / f"{name}.webp", laid, 90)
            items.insert(0, Item(name, said, None, (None,) * 3, (Picture(f"{name}.webp"),)))
        note = (
            f"{len(activations):,} activations of {len(photographs):,} photographs in {where.name}, "
            f"{where.describe()}, of {judge.name}: near cells have activations that are alike. Press c to compare "
            "two sheets."
        )
        title, columns = f"Activation atlas of {judge.name}, {where.name}", ("row", "column", "activations")
        return save_collection(results.path, Collection(title, len(items), columns, (), tuple(items), note))


def lay_sheet(pictures: Mapping[int, Tensor], grid: int, side: int) -> Tensor:
    """Return pictures (1, 3, side, side), by the number of their cell, in rows and columns on white."""
    step = side + _GAP
    sheet = torch.ones(1, 3, grid * step - _GAP, grid * step - _GAP)
    for cell, picture in pictures.items():
        top, left = (step * at for at in divmod(cell, grid))
        sheet[:, :, top : top + side, left : left + side] = picture
    return sheet


def write_titles(sheet: Tensor, titles: Mapping[int, str], grid: int, side: int) -> Tensor:
    """Return a sheet with a title on each cell."""
    image = Image.fromarray(to_bytes(sheet))
    font, pen = ImageFont.load_default(max(8, side // 11)), ImageDraw.Draw(image)
    for cell, text in titles.items():
        top, left = (at * (side + _GAP) for at in divmod(cell, grid))
        place = (left + side // 30, top + side - side // 18)
        pen.text(place, text, "white", font, anchor="ls", stroke_width=max(1, side // 80), stroke_fill="black")
    return check_images(image, "a sheet")
