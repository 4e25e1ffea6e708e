"""What all nodes share: socket types, a schema that old versions of ComfyUI take too, and the choice of an option."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from comfy_api.latest import io

Classifier = io.Custom("DAS_CLASSIFIER")
Clip = io.Custom("DAS_CLIP")
Stack = io.Custom("DAS_STACK")
Augmentation = io.Custom("DAS_AUGMENTATION")
Objective = io.Custom("DAS_OBJECTIVE")
History = io.Custom("DAS_HISTORY")

_KNOWN = {field.name for field in dataclasses.fields(io.Schema)}

PRECISIONS = {"auto": torch.float32, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""What the weights of a model are kept in."""


def precision_input() -> Any:
    """The choice of a precision, last of a loader's inputs."""
    return io.Combo.Input(
        "precision",
        options=list(PRECISIONS),
        default="auto",
        tooltip="auto is fp32. bf16 and fp16 halve the memory of the model and are faster on most GPUs, at slightly "
        "rougher gradients.",
    )


def model_input() -> Any:
    """A model of either kind, for what looks inside of it."""
    return io.MultiType.Input(
        "model", [Classifier, Clip], tooltip="The model to look into, from Load Classifier or Load CLIP Judge."
    )


def weight_input() -> Any:
    """The weight of an objective, last of its inputs."""
    return io.Float.Input(
        "weight",
        default=1.0,
        min=-100.0,
        max=100.0,
        step=0.1,
        tooltip="How much this objective counts among others. Below 0 the image climbs away from it. With a single "
        "objective its size changes nothing.",
    )


def schema(**fields: Any) -> io.Schema:
    """A schema without the fields that the running ComfyUI does not know (search aliases came after 0.8.0)."""
    return io.Schema(**{name: value for name, value in fields.items() if name in _KNOWN})


def read_choice(name: str, value: Any, options: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The option that is chosen in a DynamicCombo, and the inputs it brings; ValueError when it is none of `options`.

    ComfyUI does not check this (0.8.0): an unknown choice is left out of what a node is given, or comes as bare text.
    """
    inputs = value if isinstance(value, dict) else {name: value}
    option = inputs.get(name)
    if not isinstance(option, str) or option not in options:
        what = f"{name} '{option}' is unknown" if option else f"{name} is missing or unknown"
        raise ValueError(f"{what}; choose {', '.join(options[:-1])} or {options[-1]}")
    return option, {key: inner for key, inner in inputs.items() if key != name}


@contextmanager
def add_advice(kind: type[ValueError], advice: str) -> Iterator[None]:
    """Add what a user of the nodes can do next to the errors of one kind that a block raises."""
    try:
        yield
    except kind as error:
        raise ValueError(f"{error}{advice}") from error
