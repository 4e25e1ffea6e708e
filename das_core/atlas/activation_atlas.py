"""`activation_atlas`: what photographs activate in a layer, laid out on a sheet of pictures, in a folder with a page."""

import importlib.util
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from sklearn.manifold import TSNE
from torch import Tensor, nn

from ..ascent.preparation import check_settings
from ..common.devices import keep_copy
from ..common.images import check_images, resize
from ..common.own_thread import hearing_own_thread
from ..common.scalars import as_whole
from ..common.seeding import make_generator
from ..common.text import shorten
from ..facade.wrap import find_judge
from ..models.classifier import Classifier
from ..models.frozen import uncompile
from ..models.judge import Judge
from ..models.layers.layer import Layer, find_layer, find_layers
from ..models.photographs import AT_ONCE, Photographs
from ..models.sources.kept_tensors import digest_tensors
from ..objectives.term import Objective, make_objective
from ..runs.cells import Workers
from ..runs.engine import run_cells
from ..runs.results import Results
from .atlas import list_cells
from .collection import Collection, Item, Picture, save_collection
from .photographs import CROPS, read_photographs
from .pictures import PictureMaker, choose_side
from .places import choose_crop, cut_crop, list_inner_positions
from .show import list_effects, locate_cell, read_units, save_picture
from .units import Units, watch

FEWEST = 16  # photographs of which an atlas is made
_GAP = 2  # Between the pictures of a sheet, in pixels.
_LEAST_COSINE = 0.1  # As in lucid: smaller ones count as this, so that every position has a gradient.


@dataclass(frozen=True, eq=False, kw_only=True)
class Means(Units):
    """Directions in a layer, from the mean of all activations to the means of cells: `center` (C,), `vectors` (N, C)."""

    center: Tensor
    vectors: Tensor

    @property
    def sources(self) -> tuple[Layer, ...]:
        """The layer."""
        return (self.layer,) if self.layer else ()

    def ask(self, judge: Judge, numbers: Sequence[int], sign: int = 1) -> Objective:
        """Return the objective of these directions, one for each image."""
        score = MeansScore(self, tuple(numbers))
        return make_objective(self.name, [(watch(judge, [self]), score)], images=len(numbers))

    def read(self, output: Any, before: bool = False) -> Tensor:
        """Return how far activations go along the directions, (V, N, positions)."""
        found = super().read(output)
        return keep_copy(self.vectors, found) @ (found - keep_copy(self.center, found)[:, None])


@dataclass(frozen=True, eq=False)
class MeansScore:
    """How far activations go along the direction of their image, times the cosine between both (Carter et al., 2019)."""

    means: Means
    numbers: tuple[int, ...]

    def __call__(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view, (V,)."""
        along = self.means.read(output)
        asked = [self.numbers[image % len(self.numbers)] for image in images.tolist()]
        along = torch.stack([each[number] for each, number in zip(along, asked, strict=True)])
        found = Units.read(self.means, output) - keep_copy(self.means.center, along)[:, None]
        return (along * (along / found.norm(dim=1).clamp(min=1e-9)).clamp(min=_LEAST_COSINE)).mean(dim=1)


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
    seed: int = 0,
    steps: int | None = None,
    device: torch.device | str | None = None,
    workers: Workers | None = None,
    progress: bool = True,
) -> Path:
    """Make an activation atlas (Carter et al., "Activation Atlas", 2019) and its page, and return the path of the page.

    The activations of a layer at some positions of photographs are laid out in a plane, so that similar ones are near:
    by UMAP if umap-learn is installed, else by t-SNE. A grid divides the plane; a picture is made of each cell, of the
    direction from the mean of all activations to the mean of the cell. (The mean is subtracted instead of whitening
    the directions, of which the pictures are less like the photographs of their cells.) `sheet.webp` has them all.

    Classes of a cell are those whose log-probability rises most when the layer has the mean activation of the cell at
    every position, instead of the mean of all.

    Args:
        model: a judge, or any vision model that `wrap` takes.
        layer: the name of a layer with positions; late ones show things, early ones textures.
        photos: photographs, or a folder of them: 16 at least, better a thousand.
        path: the folder, which is new or holds this atlas; what is there is not made again.
        grid: how many rows and columns there are, 2 to 64.
        places: how many positions of each photograph, drawn at random, not at the border.
        fewest: how many activations a cell has at least; others are left empty.
        size: the side of a picture in pixels, for a model that takes images of that side.
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
        >>> da.activation_atlas(da.load_starter(), "blocks.5", "photographs/", path="map")  # doctest: +SKIP
        PosixPath('map/index.html')
    """
    judge = find_judge(model, device)
    known = find_layers(judge)
    found = find_layer(known, layer, judge.name)
    if len(list_inner_positions(found)) < 2:
        others = [one.name for one in known if len(one.positions) == 2 and min(one.positions) > 1][-1:]
        raise ValueError(f"layer {found.name} ({found.describe()}) has no positions; name another, such as {others}")
    for what, value, least, most in (("grid", grid, 2, 64), ("places", places, 1, 1000), ("fewest", fewest, 1, 1000)):
        if (whole := as_whole(value)) is None or not least <= whole <= most:
            raise ValueError(f"{what} {shorten(value)} is no whole number from {least} to {most}")
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    photographs = read_photographs(photos, judge.size)
    if len(photographs) < FEWEST:
        raise ValueError(f"{len(photographs)} photographs are too few for an atlas; give {FEWEST}, better a thousand")
    positions, activations = sample_activations(judge, found, photographs, places, seed)
    cells = (lay_out(activations, seed) * grid).long().clamp(max=grid - 1) @ torch.tensor([1, grid])
    counts = torch.bincount(cells, minlength=grid * grid)
    shown = (counts >= fewest).nonzero().flatten()
    if not len(shown):
        raise ValueError(f"no cell has {fewest} activations; give more photos or places, or a smaller grid than {grid}")
    sums = torch.zeros(grid * grid, activations.shape[1]).index_add(0, cells, activations)
    means, center = (sums / counts[:, None])[shown], activations.mean(dim=0)
    vectors = F.normalize(means - center, dim=1)
    units = Means(f"{found.name} means", "mean", len(shown), found, center=center, vectors=vectors)
    side = choose_side(judge, found, size)
    maker = PictureMaker(judge, {units.name: units}, ("more",), {units.name: side}, seed, steps)
    digest = digest_tensors(judge.module.state_dict())
    known_by = digest_tensors({"center": center, "vectors": vectors, "shown": shown})
    planned = list_cells(maker, units, range(len(shown)), (digest, known_by))
    results, stream = Results(Path(path)), sys.stderr if progress else io.StringIO()
    with results.claim(f"activation atlas of {judge.name} {digest[:12]} {known_by[:12]}"):
        run_cells(planned, maker, results, workers or Workers(here=True), stream, retry=True)
        rows = [results.rows[cell.hash] for cell in planned]
        pictures = {one.unit: (one, locate_cell(row)) for row in rows for one in read_units(row)}
        effects = measure_effects(judge, found, means, center) if isinstance(judge, Classifier) else None
        items = list[Item]()
        sheets = {"sheet": dict[int, Tensor](), "photographs": dict[int, Tensor]()}
        share = choose_crop(judge, found)
        for number, cell in enumerate(shown.tolist()):
            row, column = divmod(cell, grid)
            made, home = pictures[number]
            images = [Picture(home + picture.file, "made for the mean") for picture in made.pictures]
            for picture in made.pictures:
                with Image.open(results.path / home / picture.file) as file:
                    sheets["sheet"][cell] = check_images(file, "a picture")
            crops = _find_crops(judge, found, photographs, cells == cell, activations - center, vectors[number], positions, share)
            sheets["photographs"][cell] = resize(crops[0], (side, side))
            name = f"photographs/{row}_{column}.webp"
            save_picture(results.path / name, _join(crops))
            images.append(Picture(name, "parts of photographs, the nearest first"))
            lists = () if effects is None else tuple(list_effects(judge, effects[number]))
            title = lists[0][1][0].text if lists and lists[0][1] else f"row {row + 1}, column {column + 1}"
            items.append(Item(f"{row + 1},{column + 1}", title, None, (row + 1, column + 1, int(counts[cell])), tuple(images), lists, message=made.message, failed=bool(made.message)))
        labels = {cell: item.title for cell, item in zip(shown.tolist(), items, strict=True)} if effects is not None else {}
        for name, each in sheets.items():
            save_picture(results.path / f"{name}.webp", _lay_sheet(each, grid, side), 90)
        save_picture(results.path / "classes.webp", _write(_lay_sheet(sheets["sheet"], grid, side), labels, grid, side), 90)
        files = [("sheet", "the atlas"), *([("classes", "with the class that each cell raises most")] if labels else []), ("photographs", "the nearest part of a photograph in each cell")]
        first = Item("sheet", "the whole sheet", None, (None,) * 3, tuple(Picture(f"{name}.webp", text) for name, text in files))
        note = f"{len(activations):,} activations of {len(photographs):,} photographs in {found.name} of {judge.name} ({found.describe()}), laid out by {_NAME}."
        page = Collection(f"Activation atlas of {judge.name}, {found.name}", len(items) + 1, ("row", "column", "activations"), (), (first, *items), note)
        return save_collection(results.path, page)


_NAME = "UMAP" if importlib.util.find_spec("umap") else "t-SNE"


def sample_activations(judge: Judge, layer: Layer, photographs: Tensor, places: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the activations at some random positions of each photograph, (N * places, C), and these positions."""
    inner = list_inner_positions(layer)
    chosen = torch.rand(len(photographs), len(inner), generator=make_generator(seed)).argsort(dim=1)[:, :places]
    positions, units, found = inner[chosen], Units(layer.name, "channel", layer.channels, layer), list[Tensor]()
    for part, at in zip(photographs.split(AT_ONCE), positions.split(AT_ONCE), strict=True):
        with torch.no_grad():
            read = watch(judge, [replace(units, kind="latent")])(judge.bring(part.float() / 255))
            active = units.read(read).cpu()
        found.append(active.gather(2, at[:, None].expand(-1, active.shape[1], -1)).movedim(1, 2).flatten(0, 1))
    return positions, torch.cat(found)


def lay_out(activations: Tensor, seed: int) -> Tensor:
    """Return points (N, 2), 0..1, that are near if the activations (N, C) differ alike from their mean."""
    rows = F.normalize(activations - activations.mean(dim=0), dim=1).numpy()
    if importlib.util.find_spec("umap"):
        from umap import UMAP

        found = UMAP(n_neighbors=min(20, len(rows) - 1), min_dist=0.01, random_state=seed % 2**32).fit_transform(rows)
    else:
        found = TSNE(perplexity=min(30, (len(rows) - 1) / 3), random_state=seed % 2**32).fit_transform(rows)
    points = torch.from_numpy(found).float()
    low, high = points.quantile(torch.tensor([0.01, 0.99]), dim=0)
    return ((points - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)


def measure_effects(judge: Classifier, layer: Layer, means: Tensor, center: Tensor) -> Tensor:
    """Return by how much the log-probability of each class rises, (N, classes), when a layer has one of the activations
    `means` (N, C) at every position, in place of `center` (C,)."""
    part, wanted = uncompile(judge.module).get_submodule(layer.name), torch.cat([center[None], means])
    answers = []
    for some in wanted.split(AT_ONCE):

        def set_output(module: nn.Module, inputs: Any, output: Any, some: Tensor = some) -> Any:
            whole = output[0] if isinstance(output, tuple | list) else output
            constant = some.to(whole).reshape(*some.shape, *(1,) * (whole.ndim - 2))
            return constant.expand(whole.permute(layer.order).shape).permute(sorted(range(whole.ndim), key=layer.order.__getitem__))

        with torch.no_grad(), hearing_own_thread(part.register_forward_hook, set_output):
            answers.append(judge(judge.bring(torch.full((len(some), 3, judge.size, judge.size), 0.5))).log_softmax(dim=1).cpu())
    found = torch.cat(answers)
    return found[1:] - found[0]


def _find_crops(judge, layer, photographs, own, differences, vector, positions, share):
    numbers = own.nonzero().flatten()
    order = numbers[F.cosine_similarity(differences[numbers], vector[None]).argsort(descending=True)].tolist()
    places, found = positions.shape[1], {}
    for number in order:
        photo = number // places
        if photo not in found and len(found) < CROPS:
            found[photo] = cut_crop(photographs[photo : photo + 1].float() / 255, layer, int(positions.flatten()[number]), share, 128)
    return list(found.values())


def _join(crops):
    crops = [*crops, *[torch.ones_like(crops[0])] * (-len(crops) % 3)]
    return torch.cat([torch.cat(crops[begin : begin + 3], dim=3) for begin in range(0, len(crops), 3)], dim=2)


def _lay_sheet(pictures, grid, side):
    step = side + _GAP
    sheet = torch.ones(1, 3, grid * step - _GAP, grid * step - _GAP)
    for cell, picture in pictures.items():
        top, left = (step * at for at in divmod(cell, grid))
        sheet[:, :, top : top + side, left : left + side] = picture
    return sheet


def _write(sheet, labels, grid, side):
    from ..common.images import to_bytes
    image = Image.fromarray(to_bytes(sheet))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(8, side // 11))
    for cell, text in labels.items():
        top, left = (at * (side + _GAP) for at in divmod(cell, grid))
        draw.text((left + 4, top + side - 4), text, "white", font, anchor="lb", stroke_width=2, stroke_fill="black")
    return check_images(image, "sheet")
