"""What the schemas of several nodes share: socket types, inputs, options, and advice that is added to errors.

A socket type such as `Classifier` is the type of a link between nodes: `Classifier.Input` and `Classifier.Output`.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
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

_SCHEMA_FIELDS = {field.name for field in dataclasses.fields(io.Schema)}

PRECISIONS = {"auto": torch.float32, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The options of `precision_input`, and the types of weights that they stand for."""


def precision_input() -> Any:
    """Return the input that chooses the precision of a model's weights; it stands last in a loader."""
    return io.Combo.Input(
        "precision",
        options=list(PRECISIONS),
        default="auto",
        tooltip="auto is fp32. bf16 and fp16 halve the memory of the model and are faster on most GPUs, at slightly "
        "rougher gradients.",
    )


def sort_downloaded_first(names: Iterable[str], downloaded: Iterable[str]) -> list[str]:
    """Return the names of models for a combo: those that need no download first, each part in alphabetical order.

    Args:
        names: the names of all models.
        downloaded: the names of those whose weights are on the disk.
    """
    present = set(downloaded)
    return sorted(names, key=lambda name: (name not in present, name.casefold()))


def model_input() -> Any:
    """Return the input for a model of either kind, of a node that looks into its layers."""
    return io.MultiType.Input(
        "model", [Classifier, Clip], tooltip="The model to look into, from Load Classifier or Load CLIP Judge."
    )


def weight_input() -> Any:
    """Return the input for the weight of an objective; it stands last in its node."""
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
    """Return a schema without those fields that the running ComfyUI does not know.

    ComfyUI 0.8.0, the oldest one that the pack runs on, has no search aliases.

    Args:
        fields: the arguments of `io.Schema`.
    """
    return io.Schema(**{name: value for name, value in fields.items() if name in _SCHEMA_FIELDS})


def read_choice(name: str, value: Any, options: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the option that is chosen in a DynamicCombo, and the values of the inputs that it brings.

    ComfyUI 0.8.0 does not check the choice: an unknown one reaches the node as None, or as bare text.

    Args:
        name: the name of the DynamicCombo.
        value: what the node is given for it: a mapping of `name` to the option and of further names to values.
        options: the options that there are, at least two.

    Raises:
        ValueError: when the choice is none of `options`, or there is none.
    """
    inputs = value if isinstance(value, dict) else {name: value}
    option = inputs.get(name)
    if not isinstance(option, str) or option not in options:
        what = f"{name} '{option}' is unknown" if option else f"{name} is missing or unknown"
        raise ValueError(f"{what}; choose {', '.join(options[:-1])} or {options[-1]}")
    return option, {key: inner for key, inner in inputs.items() if key != name}


@contextmanager
def add_advice(kind: type[ValueError], advice: str) -> Iterator[None]:
    """Add advice that names nodes to the errors of one kind that a block of das_core raises.

    Args:
        kind: the kind of error; others pass unchanged.
        advice: what is put behind the message, its punctuation included.

    Raises:
        ValueError: when the block raises an error of this kind, which becomes the cause.
    """
    try:
        yield
    except kind as error:
        raise ValueError(f"{error}{advice}") from error
