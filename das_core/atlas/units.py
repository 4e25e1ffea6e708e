"""The units of a model, such as channels: which there are, how active they are, and what a picture is asked for."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.devices import make_constant
from ..common.scalars import as_list, as_whole
from ..common.tensor_file import digest_tensors
from ..common.text import shorten
from ..models.classifier import Classifier
from ..models.dictionary import Dictionary
from ..models.judge import Judge
from ..models.layers.activations import make_activation_judge
from ..models.layers.heads import HEADS
from ..models.layers.hooks import INPUT
from ..models.layers.layer import Layer, UnknownLayerError, find_layer, find_layers
from ..objectives.objective import Objective, make_objective

CLASSES = "classes"  # What the classes of a classifier are called, as if they were the units of a layer.

# Activation functions by the names of their classes, but no blocks that contain one, such as ConvSiLU.
_ACTIVATIONS = re.compile(
    r"(?!.*(conv|linear|norm|bn|block|mlp))"
    r"((leaky|p|r|c|star|squared)?relu(6|squaredactivation)?|(c|s|xi)?elu(activation)?|\w*(gelu|silu|swish|mish)\w*)",
    re.IGNORECASE,
)
_GATED = re.compile(r"\w*swiglu\w*", re.IGNORECASE)  # Whole MLPs, which have no activation function of their own.
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{0,9}))?")

Kind = Literal["channel", "head", "latent", "class", "mean"]


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one layer."""

    name: str  # That of the layer, with that of the dictionary behind it for latents.
    kind: Kind  # What a unit is.
    count: int
    layer: Layer | None = None  # None for classes.
    dictionary: Dictionary | None = None  # That of latents.

    @property
    def sources(self) -> tuple[Layer, ...]:
        """The layers whose activations `read` takes. What an activation function gets has a gradient for pictures to
        which the unit does not answer yet."""
        if self.layer is None:
            return ()
        # Latents have an activation function of their own, which gets what the layer returns.
        own = self.kind == "channel" and is_activation(self.layer)
        before = (replace(self.layer, name=self.layer.name + INPUT),) if own else ()
        return (*before, self.layer)

    @property
    def digest(self) -> str:
        """What pictures of the units depend on beside the weights of the judge: the dictionary of latents."""
        if self.dictionary is None:
            return ""
        known = {name: value for name, value in vars(self.dictionary).items() if name not in ("name", "decoder")}
        tensors = {name: value for name, value in known.items() if isinstance(value, Tensor)}
        return f"{digest_tensors(tensors)} {[value for value in known.values() if not isinstance(value, Tensor)]}"

    def ask(self, judge: Judge, numbers: Sequence[int], sign: int = 1) -> Objective:
        """Return the objective of these units, one for each image, to be raised (1) or lowered (-1)."""
        score = UnitsScore(self, tuple(numbers), sign)
        return make_objective(f"{len(numbers)} of {self.name}", [(watch(judge, [self]), score)], images=len(numbers))

    def read(self, output: Any, before: bool = False) -> Tensor:
        """Return how active all units are at every position, (V, units, positions), for the output of `watch`; with
        `before`, what their activation functions get."""
        if self.layer is None:
            return torch.as_tensor(output)[:, :, None]
        found: Tensor = output[(self.sources[0] if before else self.layer).name]
        if self.kind == "head":
            found = found.unflatten(1, (self.layer.heads, -1)).square().mean(dim=2)
        if self.dictionary is not None:
            encode = self.dictionary.project if before else self.dictionary.encode
            found = encode(found.movedim(1, -1)).movedim(-1, 1)
        return found.flatten(2) if found.ndim > 2 else found[:, :, None]


@dataclass(frozen=True, eq=False)
class UnitsScore:
    """How active a unit is in every view: that of its image, of `numbers`. Where it is not, values count a tenth, as
    with a leaky ReLU: so the mean over positions is high for a texture, too, that excites a unit at half of them."""

    units: Units
    numbers: tuple[int, ...]
    sign: int

    def __call__(self, output: Any, images: Tensor) -> Tensor:
        """Return the score of every view, (V,)."""
        found = self.units.read(output, before=True)
        asked = tuple(self.numbers[image % len(self.numbers)] for image in images.tolist())
        rows = make_constant(tuple(range(len(asked))), torch.int64, found.device)
        return F.leaky_relu(self.sign * found[rows, make_constant(asked, torch.int64, found.device)], 0.1).mean(dim=1)


def watch(judge: Judge, units: Iterable[Units]) -> Judge:
    """Return the judge whose output `Units.read` takes; all units are classes, or none is."""
    layers = [layer for one in units for layer in one.sources]
    return make_activation_judge(judge, layers) if layers else judge


def find_units(
    judge: Judge, layers: str | Sequence[str] | None = None, dictionaries: Mapping[str, Dictionary] | None = None
) -> tuple[Units, ...]:
    """Return the units of those layers whose names fit one of the patterns `layers`, such as 'blocks.5' or 'layer4*'.
    Without patterns, these are what activation functions return, or convolutions in a model without such modules;
    attention heads, the `CLASSES`, and the latents of `dictionaries`, by layers."""
    known = find_layers(judge)
    found = {}
    for layer in known:
        kind: Kind = "head" if layer.name.endswith(HEADS) else "channel"
        found[layer.name] = Units(layer.name, kind, layer.heads or layer.channels, layer)
    active = {layer.name for layer in known if is_activation(layer) or _GATED.fullmatch(layer.kind)}
    active = active or {layer.name for layer in known if re.search(r"Conv\dd|Linear", layer.kind)}
    usual = [name for name, one in found.items() if name in active or one.kind == "head"]
    for name, dictionary in (dictionaries or {}).items():
        layer = find_layer(known, name, judge.name)
        if layer.channels != dictionary.channels:
            raise ValueError(
                f"{dictionary.name} is for {dictionary.channels} channels, and {layer.name} of {judge.name} has "
                f"{layer.channels}; choose the layer that it was trained on"
            )
        joined = f"{layer.name} {dictionary.name}"
        found[joined] = Units(joined, "latent", len(dictionary), layer, dictionary)
        usual.append(joined)
    if isinstance(judge, Classifier):
        name = CLASSES
        while name in found:  # It is that of a layer.
            name += " (output)"
        found[name] = Units(name, "class", len(judge.labels))
        usual.append(name)
    if layers is None and usual:
        return tuple(found[name] for name in usual)
    chosen: dict[str, Units] = {}
    patterns = [] if layers is None else [layers] if isinstance(layers, str) else as_list("layers", layers, "['1']")
    if not patterns:
        raise UnknownLayerError(f"no layer of {judge.name} is chosen; name one, such as {known[-1].name}")
    for pattern in patterns:
        fitting = [name for name in found if fnmatchcase(name, pattern)] if isinstance(pattern, str) else []
        if pattern in found or not fitting:
            if pattern == CLASSES and CLASSES not in found:
                raise UnknownLayerError(f"{judge.name} has no classes; name a layer, such as {known[-1].name}")
            # A name, which may have brackets; the error names the nearest.
            fitting = [pattern if pattern in found else find_layer(known, pattern, judge.name).name]
        chosen |= {name: found[name] for name in fitting}
    return tuple(chosen.values())


def find_end(judge: Judge, units: Units) -> Units:
    """Return the channels of a layer where the activation function that ends the layer returns them, if one does."""
    layer, known = units.layer, [] if units.layer is None else find_layers(judge)
    inside = [one for one in known if layer and one.name.startswith(f"{layer.name}.") and is_activation(one)]
    if layer is None or units.kind != "channel" or not inside or inside[-1].shape != layer.shape:
        return units
    noise = torch.rand(1, 3, judge.size, judge.size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: Any = make_activation_judge(judge, [layer, inside[-1]])(judge.bring(noise))
    same = torch.equal(found[layer.name], found[inside[-1].name])
    return replace(units, layer=inside[-1]) if same else units


def is_activation(layer: Layer) -> bool:
    """Return whether a layer is an activation function, such as ReLU."""
    return _ACTIVATIONS.fullmatch(layer.kind) is not None


def choose_numbers(units: Units, chosen: Any) -> list[int]:
    """Return the numbers of the units to show: all for None, the first so many, those of a list or of '0-15, 40-'."""
    if chosen is None:
        return list(range(units.count))
    if (count := as_whole(chosen)) is not None:
        if count < 1:
            raise ValueError(f"units {count} is too few; give how many to show, from 1, or a list of numbers")
        return list(range(min(count, units.count)))
    spans: list[tuple[str, int | None, int | None]]  # as written, the first, and the last
    if isinstance(chosen, str):
        found = [(part.strip(), _RANGE.fullmatch(part.strip())) for part in chosen.split(",") if part.strip()]
        if wrong := [part for part, match in found if match is None]:
            raise ValueError(f"units '{shorten(wrong[0])}' is neither a number nor a range; write '0-15, 40'")
        ends = [(part, match[1], match[1] if match[2] is None else match[2]) for part, match in found if match]
        spans = [(part, int(first), int(last or units.count - 1)) for part, first, last in ends]
    else:
        listed = as_list("units", chosen.tolist() if isinstance(chosen, Tensor) else chosen, "[0, 7], or '0-15, 40'")
        spans = [(shorten(one), as_whole(one), as_whole(one)) for one in listed]
    if not spans:
        raise ValueError("no unit is given; give one at least, such as '0-7'")
    numbers: dict[int, None] = {}
    for part, first, last in spans:
        if first is None or last is None or not 0 <= first <= last < units.count:
            raise ValueError(f"unit {part} is not in {units.name}; it has units 0 to {units.count - 1}")
        numbers |= dict.fromkeys(range(first, last + 1))
    return list(numbers)


def name_unit(judge: Judge, units: Units, number: int) -> str:
    """Return what a unit is called: its number, after a class its name."""
    named = units.kind == "class" and isinstance(judge, Classifier)
    return f"{number} {judge.labels.name(number)}" if named and isinstance(judge, Classifier) else str(number)
