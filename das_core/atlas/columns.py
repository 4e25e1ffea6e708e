"""What a page says of units: functions that return columns. To say something more, write one and list it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn

from ..models.classifier import Classifier
from ..models.frozen import uncompile
from ..models.judge import Judge
from ..models.layers.layer import find_layers
from ..report.description import Words
from .collection import Entry, Picture
from .items import Columns, Made, MadePicture, save_picture
from .listing import find_alike
from .photographs import Seen, cut_crops
from .units import Units, name_unit

_DEAD = "dead: no change of the picture activates it"
_TITLES = {"more": "more", "less": "less", "diverse": "also", "raw": "raw"}
_CLASSES = 5  # How many classes are shown that a unit raises or lowers.


@dataclass(frozen=True, eq=False)
class Shown:
    """Units of a layer that a page shows."""

    judge: Judge
    units: Units
    made: Mapping[int, Made]  # What was made of them, in the order of the page.
    numbers: Sequence[int]  # Those of which more is said than what was made of them.
    path: Path  # The folder of the page.
    group: int = 0  # The number of the layer on the page.

    def tell(self, *tellers: "Teller") -> dict[str, dict[int, Any]]:
        """Return the columns of all functions; what a later one says of a unit counts."""
        columns: dict[str, dict[int, Any]] = {}
        for teller in tellers:
            for name, column in teller(self).items():
                columns.setdefault(name, {}).update(column)
        return columns


Teller: TypeAlias = Callable[[Shown], Columns]


def caption_kind(made: MadePicture) -> str:
    """Return the caption of a picture among those of other kinds."""
    return f"{_TITLES.get(made.kind, '')} {'' if made.activation is None else f'{made.activation:.3g}'}"


def tell_made(shown: Shown, caption: Callable[[MadePicture], str] = caption_kind) -> Columns:
    """Show the pictures that were made, or why there are none."""
    made = shown.made
    pictures = {number: tuple(Picture(one.file, caption(one)) for one in made[number].pictures) for number in made}
    return {
        "id": {number: f"{shown.units.name}:{number}" for number in made},
        "title": {number: name_unit(shown.judge, shown.units, number) for number in made},
        "made": {number: several for number, several in pictures.items() if several},
        "activation": {number: one.activation for number, one in made.items()},
        "dead": {number: one.dead for number, one in made.items()},
        "message": {number: one.message or (_DEAD if one.dead else "") for number, one in made.items()},
        "failed": {number: bool(one.message) for number, one in made.items()},
    }


def tell_photographs(shown: Shown, seen: Mapping[str, Seen], photographs: Tensor | None) -> Columns:
    """Show the crops of photographs that excite units most, and for how many a unit is less active than for its own
    picture, in percent."""
    if photographs is None or (own := seen.get(shown.units.name)) is None:
        return {}
    crops = cut_crops(shown.judge, shown.units, own, photographs, shown.numbers)
    active = {number: one.activation for number, one in shown.made.items()}
    return {
        "crops": save_crops(shown, crops, "photographs"),
        "above photographs, %": {
            number: 100 * own.rank(number, value) for number, value in active.items() if value is not None
        },
    }


def save_crops(shown: Shown, crops: Sequence[Tensor], caption: str) -> Mapping[int, tuple[Picture, ...]]:
    """Save a picture of each of `Shown.numbers`, and return it as a column."""
    saved = {}
    for number, crop in zip(shown.numbers, crops, strict=True):
        file = f"photographs/{shown.group}/{number}.webp"  # By number: names may differ in capitals only.
        save_picture(shown.path / file, crop)
        saved[number] = (Picture(file, caption),)
    return saved


def tell_words(shown: Shown, words: Mapping[str, Sequence[Words]]) -> Columns:
    """List the words of units, by the names of layers."""
    own = words.get(shown.units.name)
    return {} if own is None else {"words": {n: tuple(Entry(*each) for each in own[n]) for n in shown.numbers}}


def tell_effects(shown: Shown, effects: Tensor | None = None) -> Columns:
    """List the classes that units raise and lower most, by what they add to each, (classes, units): by default that of
    the weights."""
    effects = find_effects(shown.judge, shown.units) if effects is None else effects
    columns: dict[str, dict[int, tuple[Entry, ...]]] = {}
    if effects is not None and isinstance(shown.judge, Classifier):
        for title, sign in (("raises", 1), ("lowers", -1)):
            column = columns.setdefault(title, {})
            for number in shown.numbers:
                best = (sign * effects[:, number]).topk(min(_CLASSES, len(effects)))
                both = zip(best.indices.tolist(), best.values.tolist(), strict=True)
                column[number] = tuple(Entry(shown.judge.labels.name(one), value) for one, value in both if value > 0)
    return columns


def find_effects(judge: Judge, units: Units) -> Tensor | None:
    """Return by how much each unit raises each class, (classes, units), by the weights of the last linear layer; None
    unless the channels of the layer reach it as they are, but for a norm, an activation function and a mean."""
    if not isinstance(judge, Classifier) or units.layer is None or units.kind != "channel":
        return None
    parts = dict(uncompile(judge.module).named_modules())
    known = {layer.name: layer.channels for layer in find_layers(judge) if not layer.heads}
    linear = [(name, part) for name in known if isinstance(part := parts[name], nn.Linear)]
    heads = [(name, part) for name, part in linear if part.out_features == len(judge.labels)]
    if not heads or units.name not in known:
        return None
    (last, head), names = heads[-1], list(known)
    between = names[names.index(units.name) : names.index(last)]
    mixing = any(isinstance(parts[name], nn.Linear | nn.Conv2d) for name in between[1:])
    same = {head.in_features, *(known[name] for name in between)} == {units.count}
    return head.weight.detach().float().cpu() if between and same and not mixing else None


def tell_alike(shown: Shown, seen: Mapping[str, Seen]) -> Columns:
    """List the units of the layer that are most alike."""
    judge, units = shown.judge, shown.units
    signatures = {number: one.signature for number, one in shown.made.items() if one.signature is not None}
    alike = find_alike(shown.numbers, signatures, seen.get(units.name))
    return {
        "alike": {
            number: tuple(Entry(name_unit(judge, units, other), item=f"{units.name}:{other}") for other in others)
            for number, others in alike.items()
        }
    }
