"""The layers inside a judge, by the names of their modules, and their shapes; heads of attention are layers, too."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...common.text import shorten
from ..frozen import uncompile
from ..judge import Judge, check_judge
from .heads import HEADS, count_heads
from .hooks import capture_outputs

_VIEWS = 2  # How many views a judge is shown to find its layers, and so the length of the axis of views in outputs.
_MAX_NAMES = 5  # How many names like a wrong one a message lists at most.
_MAX_STAGES = 12  # How many of the outermost layers it lists at most, if no name is like it.


class UnknownLayerError(ValueError):
    """The error for a name that no layer of a model has."""


@dataclass(frozen=True)
class Layer:
    """A module inside a model, and the shape of its activations."""

    name: str  # That of the module in the model; for the heads of an attention module, followed by "#heads".
    kind: str  # The class of the module, such as "Conv2d".
    shape: tuple[int, ...]  # The activations of one view: (channels,), (channels, tokens) or (channels, height, width).
    order: tuple[int, ...]  # The axes of the output: that of views, then those of `shape`, such as (0, 3, 1, 2).
    calls: int = 1  # How often the module runs in one forward pass; the activations are the output of the last run.
    heads: int = 0  # How many heads there are; 0 for the output of a module.

    @property
    def channels(self) -> int:
        """How many features the layer has at every position."""
        return self.shape[0]

    @property
    def positions(self) -> tuple[int, ...]:
        """The shape of the positions: (tokens,), (height, width), or () for a layer without positions."""
        return self.shape[1:]

    def describe(self) -> str:
        """Return the shape in words, such as '64 channels, 28 x 28'."""
        heads = f"{self.heads} heads of {self.channels // self.heads} = " if self.heads else ""
        positions = " x ".join(map(str, self.positions)) + (" tokens" if len(self.positions) == 1 else "")
        return f"{heads}{self.channels} channels" + (f", {positions}" if positions else "")


def find_layers(judge: Judge) -> tuple[Layer, ...]:
    """Return the layers of a judge in the order in which their first outputs are computed.

    A module with attention heads gives a second layer, whose name ends with '#heads'. Left out are the model itself,
    modules that do not run, and modules whose output (its first item, if it is a tuple or a list) is no float tensor
    with an axis for views, one for channels and at most two for positions.

    Args:
        judge: the judge, a single model.

    Raises:
        ValueError: when no layer is left, the module cannot run on grey views, or the judge is an ensemble.

    Example:
        >>> import torch
        >>> import direct_ascent as da
        >>> module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
        >>> judge = da.Judge("toy", module, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        >>> [(layer.name, layer.kind, layer.shape) for layer in da.find_layers(judge)]
        [('0', 'Conv2d', (4, 6, 6)), ('1', 'ReLU', (4, 6, 6)), ('2', 'Flatten', (144,))]
    """
    members = check_judge(judge, Judge).members
    if len(members) > 1:
        alone = " or ".join(member.name for member in members)
        raise ValueError(f"{judge.name} is an ensemble, and a layer belongs to one model: load {alone} by itself")
    judge = replace(judge, module=uncompile(judge.module))
    found: dict[str, Layer] = {}
    parts = dict(judge.module.named_modules())
    names = [name for name in parts if name]
    names += [name + HEADS for name in names if count_heads(parts[name])]

    def on_output(name: str, output: Any) -> None:
        shape = output.shape if isinstance(output, Tensor) and output.is_floating_point() else ()
        if order := _find_order(shape):
            part, calls = parts[name.removesuffix(HEADS)], found[name].calls + 1 if name in found else 1
            heads = count_heads(part) if name.endswith(HEADS) else 0
            axes = tuple(shape[axis] for axis in order[1:])
            found[name] = Layer(name, type(part).__name__, axes, order, calls, heads)

    with capture_outputs(judge.module, names, on_output):
        judge.probe(torch.full((_VIEWS, 3, judge.size, judge.size), 0.5, dtype=torch.float32, device="cpu"))
    if not found:
        raise ValueError(f"{judge.name} has no layers that can be told apart; choose another model")
    return tuple(found.values())


def _find_order(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes of an output in the order views, channels, positions; empty if the shape has no such axes."""
    if len(shape) not in (2, 3, 4) or 0 in shape:
        return ()
    if shape[0] != _VIEWS:
        # In some transformers, the axis of the tokens comes before the axis of the views.
        return (1, 2, 0) if len(shape) == 3 and shape[1] == _VIEWS else ()
    if len(shape) == 3:
        return (0, 2, 1)  # Transformers return (views, tokens, channels).
    # Views are square, so height and width are the two axes of equal length. If these are 1 and 2, channels come last.
    last = len(shape) == 4 and shape[1] == shape[2] != shape[3]
    return (0, 3, 1, 2) if last else tuple(range(len(shape)))


def find_layer(layers: Sequence[Layer], name: str, model: str) -> Layer:
    """Return the layer with a name, also that in the whole model of open_clip ('visual.…'); messages name `model`."""
    if not isinstance(name, str):
        raise UnknownLayerError(
            f"layer {shorten(name)} is no text; write the name of a layer, such as '{layers[0].name}'"
        )
    by_name = {layer.name: layer for layer in layers}
    wanted = name.strip()
    if found := by_name.get(wanted) or by_name.get(wanted.removeprefix("visual.")):
        return found
    if not wanted:
        raise UnknownLayerError(f"no layer is named; write one of {model}'s, such as {layers[len(layers) // 2].name}")
    # Names that end with what was written come first; one place at least is left for one with a similar spelling.
    near = [known for known in by_name if known.endswith(f".{wanted}")][: _MAX_NAMES - 1]
    near += [n for n in difflib.get_close_matches(wanted, by_name, n=_MAX_NAMES, cutoff=0.5) if n not in near]
    if not near:
        # The numbered layers that hold others, such as blocks.0, and lie in none: the stages of a model.
        numbered = [known for known in by_name if known[-1].isdigit()]
        holders = [known for known in numbered if any(inner.startswith(f"{known}.") for inner in by_name)]
        stages = [known for known in holders if not any(known.startswith(f"{outer}.") for outer in holders)]
        choices = f"there is {', '.join((stages or [*by_name])[:_MAX_STAGES])} …"
    else:
        choices = f"the nearest are {', '.join(near[:_MAX_NAMES])}"
    raise UnknownLayerError(f"layer '{shorten(wanted)}' is not in {model}; {choices}")
