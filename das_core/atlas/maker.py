"""Cells that make pictures of units, some of a layer each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..ascent.preparation import check_settings
from ..common.tensor_file import digest_tensors
from ..models.judge import Judge
from ..runs.cells import Cell, Row
from .items import MadePicture, save_picture, write_made
from .pictures import PICTURES, choose_side, make_pictures
from .units import Units

_QUALITY = 88  # Of WebP.
_AT_ONCE = 8  # Units of a cell.
_FORMAT = 1  # Changes when the pictures of a cell would be others.


@dataclass(frozen=True, eq=False)
class PictureMaker:
    """Makes the pictures of units; one call makes those of a cell, see `RunOne`."""

    judge: Judge
    layers: Mapping[str, Units]  # By their names.
    pictures: Sequence[str]  # Names of `PICTURES`, the most important first.
    sides: Mapping[str, int]  # By layer, the side of its pictures, see `choose_side`.
    seed: int = 0
    steps: int | None = None  # The number of steps; None for that of the recipe.
    digest: str = ""  # Of the weights of the judge.

    def __call__(self, task: tuple[str, Sequence[int]], folder: Path) -> Row:
        """Make the pictures of some units, by the name of the layer and their numbers, and write them to a folder."""
        name, numbers = task
        judge, units = replace(self.judge, size=self.sides[name]), self.layers[name]
        found, signatures = dict[int, list[MadePicture]](), None
        for kind in self.pictures:
            wanted = PICTURES[kind]
            made = make_pictures(judge, units, wanted, numbers, self.seed, self.steps)
            asked = [number for number in numbers for _ in range(wanted.count)]
            for image, number in enumerate(asked):
                if not made.moved[image]:
                    continue
                file = f"{number}_{kind}_{image % wanted.count}.webp"
                save_picture(folder / file, made.images[image : image + 1], _QUALITY)
                value = float(made.values[image, number])
                one = MadePicture(kind=kind, file=file, activation=value if np.isfinite(value) else None)
                found.setdefault(number, []).append(one)
            if wanted.sign > 0 and signatures is None:
                signatures = made.values[:: wanted.count].numpy()
        return write_made(folder, numbers, found, signatures)

    def list_cells(self, units: Units, numbers: Sequence[int]) -> list[Cell]:
        """Return the cells that make the pictures of some units of a layer."""
        cells, shown = [], (self.judge.mean, self.judge.std, self.sides[units.name])
        for begin in range(0, len(numbers), _AT_ONCE):
            part = list(numbers[begin : begin + _AT_ONCE])
            made_of = (self.digest, units.digest, units.name, part, self.pictures, shown, self.seed, self.steps)
            columns = {"layer": units.name, "numbers": str(part), "count": units.count}
            cells.append(Cell(name_cell(_FORMAT, *made_of), columns, (units.name, part)))
        return cells


def plan_pictures(
    judge: Judge, units: Sequence[Units], pictures: Sequence[str], seed: int, steps: int | None, most: int | None = None
) -> PictureMaker:
    """Return what makes these pictures of units, `most` pixels wide at most; a ValueError says what is wrong."""
    check_settings(1 if steps is None else steps, "constant", seed, 0)
    sides = {one.name: choose_side(judge, one.layer, most) for one in units}
    digest, steps = digest_tensors(judge.module.state_dict()), None if steps is None else int(steps)
    return PictureMaker(judge, {one.name: one for one in units}, tuple(pictures), sides, int(seed), steps, digest)


def name_cell(*made_of: object) -> str:
    """Return the hash of a cell, given all that its result depends on."""
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]
