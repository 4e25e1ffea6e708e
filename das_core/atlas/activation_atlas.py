"""`activation_atlas`: the activations of a layer for photographs, on a sheet of pictures, in a folder with a page."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from ..ascent.preparation import check_settings
from ..common.images import check_images, to_bytes
from ..common.modes import own_modes
from ..common.scalars import check_number
from ..common.tensor_file import digest_tensors
from ..facade.wrap import find_judge
from ..models.classifier import Classifier
from ..models.judge import Judge
from ..models.layers.layer import find_layer, find_layers
from ..models.photographs import Photographs, read_picture
from ..runs.cells import Workers
from ..runs.results import Results
from .collection import Collection, Item, Picture
from .columns import Shown, save_crops, tell_effects, tell_made
from .items import Array, list_items, make_page, read_made, save_picture
from .maker import plan_pictures
from .photographs import Seen, cut_crops, find_grid, read_photographs
from .tiles import Means, find_nearest, lay_out, make_layout, measure_effects, sample_activations

_FEWEST = 16  # Photographs of which an atlas is made.
_GAP = 2  # Between the pictures of a sheet, in pixels.
_COLUMNS = ("row", "column", "activations")


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
    and a grid divides the plane into tiles. Of each a picture is made, of the direction from the mean of all
    activations to that of the tile, so that also the cosine counts; `sheet.webp` has all pictures. (The paper whitens
    the directions instead.)

    The classes of a tile are those whose log-probability is raised most when the layer has the mean activation of the
    tile at every position, compared with the mean of all: for a layer before the last one, what its weights say.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        layer: the name of a layer with positions; in late layers things are alike, in early ones textures.
        photos: photographs, or a folder of them: 16 at least, better a thousand.
        path: the folder, which is new or has this atlas; what is there is not made again.
        grid: how many rows and columns there are, 2 to 64.
        places: how many positions of each photograph, at random, not at its border.
        fewest: how many activations a tile has at least; other tiles are empty.
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
        check_number(name, value, least, most, "the default is usual", whole=True)
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    photographs = read_photographs(photos, judge.size, _FEWEST)
    positions, activations = sample_activations(judge, where, photographs, places, seed)
    points = lay_out(activations, layout or make_layout(len(activations), seed))
    tiles = (points * grid).long().clamp(max=grid - 1) @ torch.tensor([1, grid])
    counts = tiles.bincount(minlength=grid**2).tolist()
    filled = [tile for tile, count in enumerate(counts) if count >= fewest]
    if not filled:
        raise ValueError(f"no tile of {grid} x {grid} has {fewest} activations; give more photos, or a smaller grid")
    means, center = torch.stack([activations[tiles == tile].mean(dim=0) for tile in filled]), activations.mean(dim=0)
    vectors = F.normalize(means - center, dim=1)
    made_of = digest_tensors({"": vectors, "center": center, "cells": tiles})
    units = Means(where.name, "mean", len(filled), where, center=center, vectors=vectors, made_of=made_of)
    maker = plan_pictures(judge, [units], ["more"], seed, steps, size)
    cells, side, results = maker.list_cells(units, range(len(filled))), maker.sides[units.name], Results(Path(path))

    def show() -> Collection:
        made = read_made(results.path, [row for cell in cells if (row := results.rows.get(cell.hash))], len(filled))
        shown = Shown(judge, units, made, list(made), results.path)
        best = Seen(means, means, find_nearest(activations - center, tiles, filled, vectors, positions))
        crops = cut_crops(judge, units, best, photographs, shown.numbers, 0.5, side)
        effects = measure_effects(judge, where, means, center).T if isinstance(judge, Classifier) else None
        told = shown.tell(
            partial(tell_made, caption=lambda _: "made for the tile"),
            partial(tell_effects, effects=effects),
            lambda _: {"crops": save_crops(shown, crops, "parts of photographs, the nearest first")},
        )
        for n in made:
            down, across = (1 + at for at in divmod(filled[n], grid))
            title = next((one.text for one in told.get("raises", {}).get(n, ())), f"{down}, {across}")
            known = {"id": f"{down},{across}", "title": title, "row": down, "column": across}
            for name, value in {**known, "activations": counts[filled[n]]}.items():
                told.setdefault(name, {})[n] = value
        items = list_items(told, _COLUMNS)
        titles = {filled[n]: text for n, text in told["title"].items() if effects is not None}
        pictures = {n: read_picture(results.path / one.file, side) for n in made for one in made[n].pictures}
        parts = {n: crop[..., :side, :side] for n, crop in zip(made, crops, strict=True)}
        for name, said, several in (("photographs", "photographs near to each", parts), ("sheet", "all", pictures)):
            laid = lay_sheet({filled[n]: one for n, one in several.items() if one is not None}, titles, grid, side)
            save_picture(results.path / f"{name}.webp", laid, 90)
            items.insert(0, Item(name, said, None, (None,) * 3, (Picture(f"{name}.webp"),)))
        note = (
            f"{len(activations):,} activations of {len(photographs):,} photographs in {where.name}, "
            f"{where.describe()}, of {judge.name}: near tiles have activations that are alike. Press c to compare "
            "two sheets."
        )
        title = f"Activation atlas of {judge.name}, {where.name}"
        return Collection(title, len(items), _COLUMNS, (), tuple(items), note)

    with results.claim(f"activation atlas of {judge.name} {maker.digest[:12]}, {where.name} {made_of[:12]}"):
        return make_page(results, cells, maker, show, workers, True, progress)[0]


def lay_sheet(pictures: Mapping[int, Tensor], titles: Mapping[int, str], grid: int, side: int) -> Tensor:
    """Return pictures (1, 3, side, side) in rows and columns on white, with titles, both by the numbers of tiles."""
    step = side + _GAP
    sheet = torch.ones(1, 3, grid * step - _GAP, grid * step - _GAP)
    for tile, picture in pictures.items():
        top, left = (step * at for at in divmod(tile, grid))
        sheet[:, :, top : top + side, left : left + side] = picture
    image = Image.fromarray(to_bytes(sheet))
    font, pen = ImageFont.load_default(max(8, side // 11)), ImageDraw.Draw(image)
    for tile, text in titles.items():
        top, left = (step * at for at in divmod(tile, grid))
        place = (left + side // 30, top + side - side // 18)
        pen.text(place, text, "white", font, anchor="ls", stroke_width=max(1, side // 80), stroke_fill="black")
    return check_images(image, "a sheet")
