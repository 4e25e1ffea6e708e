"""Checks the values that a node is given against the types in its schema.

ComfyUI checks the values of widgets before a run, but not values that come through links. This module checks the types
of all values, the ranges of numbers and the lengths of texts. The code that uses the value of a combo checks whether
it is one of the options.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..das_core.ascent.steering.act_text import LONGEST_TEXT
from ..das_core.common.text import shorten
from ..das_core.looks.look import Look
from ..das_core.models.classifier import Classifier
from ..das_core.models.clip import CLIP
from ..das_core.objectives.objective import Objective
from ..das_core.stack.image_stack import ImageStack
from ..das_core.views.augmentation import Augmentation

_SOCKETS: dict[str, Callable[[Any], bool]] = {
    "DAS_CLASSIFIER": lambda value: isinstance(value, Classifier),
    "DAS_CLIP": lambda value: isinstance(value, CLIP),
    "DAS_STACK": lambda value: isinstance(value, ImageStack),
    "DAS_AUGMENTATION": lambda value: isinstance(value, Augmentation),
    "DAS_OBJECTIVE": lambda value: isinstance(value, Objective),
    "DAS_LOOK": lambda value: isinstance(value, Look),
    "DAS_HISTORY": lambda value: isinstance(value, tuple),
}
"""For each type of socket of the pack, whether it takes a value."""


def check_inputs(inputs: Iterable[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Check the values for the inputs of a node; return them, converted to the types of the inputs."""
    known = {item.id: item for item in inputs}
    checked = {}
    for name, value in values.items():
        if name in known and value is None and known[name].optional:
            # Left out, so that `execute` uses its own default.
            continue
        if name in known:
            checked[name] = _check(known[name], name, value)
        elif name.partition(".")[0] not in known:
            raise ValueError(f"there is no input {shorten(name)}; take it out of the workflow file")
        elif isinstance(known[name.partition(".")[0]], io.Autogrow.Input):
            raise ValueError(f"there is no slot {shorten(name)}; connect it to another one")
        # Any other name, such as `recipe.steps`, is that of an input inside an option of a DynamicCombo. Inputs of the
        # chosen option come within the value of the DynamicCombo. So the option of this input is not chosen, and the
        # value is left out. If the chosen option does not exist, `read_choice` raises an error.
    return checked


def _check(item: Any, name: str, value: Any) -> Any:
    """Return the value of the input `item`, checked and converted; messages of a ValueError call the input `name`."""
    kind = item.get_io_type()
    if isinstance(item, io.MatchType.Input):
        kind = item.template.as_dict()["allowed_types"]
    if isinstance(item, io.DynamicCombo.Input):
        return _check_choice(item, name, value)
    if isinstance(item, io.Autogrow.Input):
        return _check_slots(item, name, value)
    if value is None and item.optional:
        return value
    if kind == "FLOAT" and item.force_input:
        return _read_numbers(name, value)
    if kind in _READERS:
        return _READERS[kind](name, value, item)
    _check_socket(kind, name, value)
    return value


def _check_choice(item: Any, name: str, value: Any) -> Any:
    """Return the value of a DynamicCombo after a check of the inputs inside its chosen option."""
    if not isinstance(value, Mapping):
        return value
    option = next((option for option in item.options if option.key == value.get(item.id)), None)
    inner = {one.id: one for one in (option.inputs if option else ())}
    return {key: _check(inner[key], f"{name}.{key}", part) if key in inner else part for key, part in value.items()}


def _check_slots(item: Any, name: str, value: Any) -> Any:
    """Check what is linked to the slots of an `io.Autogrow` input (None where there is no link); return its value."""
    if value is None:
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {_describe(value)}, not a set of slots; connect outputs of nodes to it")
    for slot, part in value.items():
        if part is not None:
            _check_socket(item.template.input.get_io_type(), f"{name}.{slot}", part)
    return value


def _read_int(name: str, value: Any, item: Any) -> int:
    try:
        # `operator.index` takes whole numbers, bool included, and refuses floats.
        number = operator.index(value) if not isinstance(value, Tensor) else None
    except TypeError:
        number = None
    if number is None:
        raise ValueError(f"{name} is {_describe(value)}, not a whole number; give one such as {item.default or 0}")
    _check_range(name, number, item)
    return number


def _read_float(name: str, value: Any, item: Any) -> float:
    number = _to_float(name, value, item.default or 0.0)
    _check_range(name, number, item)
    return number


def _to_float(name: str, value: Any, example: float) -> float:
    """Return a value as a finite number; an error gives `example` as a number that would do."""
    try:
        number = float(value) if not isinstance(value, str | bytes | Tensor) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        raise ValueError(f"{name} is {_describe(value)}, not a number; give one such as {example}")
    if not math.isfinite(number):
        raise ValueError(f"{name} {number} is no finite number; give one such as {example}")
    return number


def _check_range(name: str, number: float, item: Any) -> None:
    """Raise a ValueError when a number is outside of the range that the schema gives its widget."""
    low, high = (-math.inf if item.min is None else item.min), (math.inf if item.max is None else item.max)
    if not low <= number <= high:
        raise ValueError(f"{name} {shorten(number)} is out of range; give a number from {low} to {high}")


def _read_numbers(name: str, value: Any) -> tuple[float, ...]:
    """Read a FLOAT input without a widget, to which a link can give a whole list: return its numbers as a tuple."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(listed, list | tuple):
        raise ValueError(
            f"{name} is {_describe(value)}, not a list of numbers; connect a node whose output is one list (of one "
            "that gives numbers one by one, write them as text)"
        )
    return tuple(_to_float(f"number {place} of {name}", one, 1.0) for place, one in enumerate(listed, start=1))


def _read_bool(name: str, value: Any, item: Any) -> bool:
    if not isinstance(value, int):
        raise ValueError(f"{name} is {_describe(value)}, neither true nor false; give one of these")
    return bool(value)


def _read_text(name: str, value: Any, item: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {_describe(value)}, not a text; give one{_quote(item.default)}")
    # A longer one would be split into words for seconds, and Cancel would have to wait.
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"{name} has {len(value):,} characters; give a text of {LONGEST_TEXT:,} at most")
    # JSON can hold half of a surrogate pair, which is not a character: it can be neither drawn nor written to a file.
    if halves := [sign for sign in value if "\ud800" <= sign <= "\udfff"]:
        raise ValueError(f"{name} holds half of a character, {halves[0]!a}; type the text anew")
    return value


def _read_image(name: str, value: Any, item: Any) -> Tensor:
    return _read_tensor(name, value, "an IMAGE", "[batch, height, width, channels]")


def _read_mask(name: str, value: Any, item: Any) -> Tensor:
    return _read_tensor(name, value, "a MASK", "[batch, height, width]")


def _read_tensor(name: str, value: Any, what: str, axes: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} is {_describe(value)}, not {what}; connect an output of that type")
    if value.ndim != axes.count(",") + 1:
        raise ValueError(f"{name}: {what} of shape {tuple(value.shape)} came in; {axes} is needed")
    if value.layout != torch.strided or value.is_meta:
        kind = "without numbers" if value.is_meta else f"with the layout {value.layout}"
        raise ValueError(f"{name}: {what} {kind} came in; a dense tensor is needed: look at the node that made it")
    return value


def _check_socket(kind: str, name: str, value: Any) -> None:
    """Raise a ValueError when a value is of none of the types of this pack that `kind` lists."""
    accepts = [_SOCKETS[part] for part in kind.split(",") if part in _SOCKETS]
    if accepts and not any(accept(value) for accept in accepts):
        given = "not connected" if value is None else _describe(value)
        raise ValueError(f"{name} is {given}; connect an output of the type {' or '.join(kind.split(','))}")


def _describe(value: Any) -> str:
    """Return a value in the short form in which messages quote it; a text gets quotation marks."""
    return f"'{shorten(value)}'" if isinstance(value, str) else shorten(value)


def _quote(example: Any) -> str:
    """Return the end of a message that gives an example: " such as 'jellyfish'"; "" if there is no example."""
    return f" such as '{shorten(example, 40)}'" if example else ""


_READERS = {
    "INT": _read_int,
    "FLOAT": _read_float,
    "BOOLEAN": _read_bool,
    "STRING": _read_text,
    "IMAGE": _read_image,
    "MASK": _read_mask,
}
"""The function that checks and converts the value of an input, by the type of the input.

COMBO is missing: the code that uses the value checks whether it is one of the options."""
