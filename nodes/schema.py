"""What the schemas of several nodes share: socket types, inputs, options, and advice that is added to errors.

A socket type, such as `Classifier`, is the type of a link between nodes: the link connects a `Classifier.Output` of one
node with a `Classifier.Input` of another node.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import torch
from comfy_api.latest import io

from ..das_core.common.choices import check_choice
from ..das_core.common.text import shorten
from ..das_core.objectives.objective import Objective as CoreObjective

Classifier = io.Custom("DAS_CLASSIFIER")
Clip = io.Custom("DAS_CLIP")
Stack = io.Custom("DAS_STACK")
Augmentation = io.Custom("DAS_AUGMENTATION")
Objective = io.Custom("DAS_OBJECTIVE")
Look = io.Custom("DAS_LOOK")
History = io.Custom("DAS_HISTORY")

_SCHEMA_FIELDS = {field.name for field in dataclasses.fields(io.Schema)}

PRECISIONS = {"auto": torch.float32, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The torch dtype of each option of `precision_input`."""


def precision_input() -> Any:
    """Return the input that chooses the precision of a model's weights; a loader has it as its last input."""
    return tip(
        io.Combo.Input("precision", options=list(PRECISIONS), default="auto"),
        "auto is fp32. bf16 and fp16 halve the memory of the model and are faster on most GPUs, at slightly "
        "rougher gradients.",
    )


def read_precision(value: Any) -> torch.dtype:
    """Return the torch dtype of a value of `precision_input`; raise a ValueError when it is no option."""
    check_choice("precision", value, PRECISIONS)
    return PRECISIONS[value]


def sort_downloaded_first(names: Iterable[str], downloaded: Iterable[str]) -> list[str]:
    """Return the names of models in alphabetical order: first those that need no download, then the others."""
    present = set(downloaded)
    return sorted(names, key=lambda name: (name not in present, name.casefold()))


def model_input() -> Any:
    """Return the input for a model, for nodes that accept classifiers as well as CLIPs."""
    return tip(
        io.MultiType.Input("model", [Classifier, Clip]),
        "The model to look into, from one of the nodes that load models.",
    )


def objectives_input(tooltip: str, slot: str = "What is asked for.", least: int = 1) -> Any:
    """Return the input for up to 32 objectives; its value maps names of slots to objectives, empty ones to None."""
    objective = Objective.Input("objective", tooltip=f"{slot} Connect one and another slot appears.")
    return io.Autogrow.Input(
        "objectives",
        template=io.Autogrow.TemplatePrefix(objective, prefix="objective", min=least, max=32),
        tooltip=tooltip,
    )


def list_connected(objectives: Mapping[str, CoreObjective] | None) -> list[CoreObjective]:
    """Return the objectives that are connected to the slots of `objectives_input`."""
    return [objective for objective in (objectives or {}).values() if objective is not None]


def weight_input() -> Any:
    """Return the input for the weight of an objective; in the schema of a new node, put it last."""
    return tip(
        io.Float.Input("weight", default=1.0, min=-100.0, max=100.0, step=0.05),
        "How much this objective counts among others. Below 0 the image climbs away from it. With a single "
        "objective its size changes nothing, except with sgd.",
    )


def tip(item: Any, text: str) -> Any:
    """Return an input or output of a schema with its tooltip."""
    item.tooltip = text
    return item


def schema(*, aliases: str = "", advanced: Sequence[str] = (), **fields: Any) -> io.Schema:
    """Return a schema; search aliases and advanced widgets ("recipe.optimizer.tilt") only if ComfyUI has these."""
    _mark_advanced(fields.get("inputs", []), set(advanced))
    fields["search_aliases"] = ["das", "direct ascent", *filter(None, aliases.split(", "))]
    return io.Schema(**{name: value for name, value in fields.items() if name in _SCHEMA_FIELDS})


def _mark_advanced(inputs: Sequence[Any], names: set[str]) -> None:
    """Mark inputs as advanced, if ComfyUI has advanced inputs; raise a ValueError when a name belongs to no input."""
    named = list(_walk(inputs))
    if unknown := names - {name for name, _ in named}:
        raise ValueError(f"no input is called {', '.join(sorted(unknown))}")
    for name, item in named:
        # ComfyUI 0.8.0 has no such attribute.
        if name in names and hasattr(item, "advanced"):
            item.advanced = True


def _walk(inputs: Sequence[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield pairs of a path and an input, for all inputs, including those inside options of DynamicCombos."""
    for item in inputs:
        yield prefix + item.id, item
        if isinstance(item, io.DynamicCombo.Input):
            for option in item.options:
                yield from _walk(option.inputs, f"{prefix}{item.id}.")


def list_options(choices: Any, default: str) -> list[str]:
    """Return the options of a combo, those of a `Literal` of das_core, the default first."""
    return sorted(get_args(choices), key=lambda option: option != default)


def list_choices(options: Sequence[str]) -> str:
    """Return two or more options as text for a message, such as 'a, b or c'."""
    return f"{', '.join(options[:-1])} or {options[-1]}"


def make_options(names: Sequence[str], /, **inputs: list[Any]) -> list[Any]:
    """Return the options of a DynamicCombo with their inputs; `read_choice` with the same names reads its value."""
    if unknown := inputs.keys() - set(names):
        raise ValueError(f"{', '.join(sorted(unknown))} not among the options {', '.join(names)}")
    return [io.DynamicCombo.Option(name, inputs.get(name, [])) for name in names]


def read_choice(name: str, value: Any, options: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the option that is chosen in a DynamicCombo, and the values of the inputs inside that option."""
    # ComfyUI 0.8.0 does not check the choice: an unknown option reaches the node as None, or as plain text.
    inputs = value if isinstance(value, dict) else {name: value}
    option = inputs.get(name)
    if not isinstance(option, str) or option not in options:
        is_missing = option is None or (isinstance(option, str) and not option)
        what = f"{name} is missing or unknown" if is_missing else f"{name} '{shorten(option)}' is unknown"
        raise ValueError(f"{what}; choose {list_choices(options)}")
    return option, {key: inner for key, inner in inputs.items() if key != name}


@contextmanager
def add_advice(kind: type[ValueError], advice: str) -> Iterator[None]:
    """Append a hint to the message of errors of class `kind`: das_core does not know the nodes that a hint names."""
    try:
        yield
    except kind as error:
        raise ValueError(f"{error}{advice}") from error
