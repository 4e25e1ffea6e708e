"""Converts a stack to the content of a stack file (named tensors and a description), and this content to a stack.

The content may come from an untrusted source. Before the stack is returned, its settings are checked (`file_spec`), and
every tensor must be float32 and finite. The shapes of canvases, surroundings and parameters are checked too, but not
the shapes of the optimizer's tensors: an optimizer ignores a state whose shapes do not fit (`ascent.optimizers`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..common.text import shorten
from .file_spec import DamageError, check_count, describe_spec, read_spec
from .image_stack import ImageStack
from .state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters
from .surroundings import Surroundings


def describe_stack(stack: ImageStack) -> dict[str, Any]:
    """Return everything of a stack that is not a tensor, as values that JSON can express.

    Args:
        stack: the stack to describe.

    Returns:
        A dictionary: `spec` has the fields of the spec, `steps` is the number of steps that ascents have done on the
        stack, and `optimizer` has the kind and the number of steps of the optimizer state, or is None without a state.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack.file_content import describe_stack
        >>> description = describe_stack(ImageStack.gray(StackSpec(width=32, height=24, margin=8)))
        >>> description["spec"]["width"], description["steps"], description["optimizer"]
        (32, 0, None)
    """
    state = stack.optimizer_state
    return {
        "spec": describe_spec(stack.spec),
        "steps": stack.steps,
        "optimizer": None if state is None else {"kind": state.kind, "steps": state.steps},
    }


def name_tensors(stack: ImageStack) -> dict[str, Tensor]:
    """Return the tensors of a stack by their names in a file.

    Args:
        stack: the stack whose tensors are named.

    Returns:
        `start` and `canvas`; if the stack has them, also `parameters.0`, `parameters.1` and so on, `optimizer.0`,
        `optimizer.1` and so on for the optimizer state, and `surroundings.pixels` and `surroundings.mask`. The tensors
        are those of the stack, not copies.

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack.file_content import name_tensors
        >>> list(name_tensors(ImageStack.gray(StackSpec(width=32, height=24, margin=8))))
        ['start', 'canvas']
    """
    around, parameters, state = stack.surroundings, stack.parameters, stack.optimizer_state
    return {
        "start": stack.start,
        "canvas": stack.canvas,
        **{f"parameters.{number}": tensor for number, tensor in enumerate(parameters.tensors if parameters else ())},
        **{f"optimizer.{number}": tensor for number, tensor in enumerate(state.tensors if state else ())},
        **({} if around is None else {"surroundings.pixels": around.pixels, "surroundings.mask": around.mask}),
    }


def build_stack(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ImageStack:
    """Build a stack from its description and its tensors, and check both.

    Args:
        description: the result of `describe_stack`, written as JSON and read again, so that tuples have become lists.
        tensors: the result of `name_tensors`; the stack holds these tensors themselves, not copies.

    Raises:
        DamageError: when the description or a tensor is not that of a stack, or when the tensors do not fit the
            description. It is a ValueError.
        KeyError: when a part of the description or a tensor is missing.
        TypeError: when the spec has an unknown field; when the spec or the optimizer is no mapping (null stands for an
            optimizer without a state); or when the levels or the gains are a number or null. (Other wrong types are a
            DamageError.)

    Example:
        >>> import json
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack.file_content import build_stack, describe_stack, name_tensors
        >>> stack = ImageStack.noise(StackSpec(width=32, height=24, margin=8))
        >>> description = json.loads(json.dumps(describe_stack(stack)))
        >>> build_stack(description, name_tensors(stack)).spec == stack.spec
        True
    """
    spec = read_spec(description["spec"], tensors["canvas"])
    steps, optimizer = description["steps"], description["optimizer"]
    check_count("steps", steps)
    state = None
    if optimizer is not None:
        check_count("steps of the optimizer", optimizer["steps"])
        kind = optimizer["kind"]
        if not isinstance(kind, str):
            raise DamageError(f"names the optimizer '{shorten(kind)}'; choose another file")
        state = OptimizerState(kind, _collect_numbered("optimizer", tensors), optimizer["steps"])
    parameters: Parameters | None = None
    if accumulated := _collect_numbered("parameters", tensors):
        parameters = (LevelTensors if spec.method == "layers" else AccumulatedGradient)(accumulated)
    around = None
    if "surroundings.mask" in tensors:
        around = Surroundings(tensors["surroundings.pixels"], tensors["surroundings.mask"])
    stack = ImageStack(spec, tensors["start"], tensors["canvas"], parameters, steps, state, around)
    if name_tensors(stack).keys() != tensors.keys():
        raise DamageError(f"holds tensors that belong to no stack: {', '.join(sorted(tensors))[:200]}")
    batch = tensors["canvas"].shape[0] if tensors["canvas"].ndim else 0
    if batch < 1:
        raise DamageError("holds a stack without an image; choose another file")
    canvas_shape = (batch, 3, *spec.canvas)
    for name in ("start", "canvas"):
        _check_tensor(name, tensors[name], canvas_shape)
    if around is not None:
        _check_tensor("surroundings.pixels", around.pixels, canvas_shape)
        _check_tensor("surroundings.mask", around.mask, (canvas_shape[0], 1, *spec.canvas))
        for name, tensor in (("pixels", around.pixels), ("mask", around.mask)):
            if tensor.min() < 0 or tensor.max() > 1:
                raise DamageError(f"holds values in surroundings.{name} outside 0..1; choose another file")
    expected = spec.shape_parameters(batch)
    if accumulated and len(accumulated) != len(expected):
        raise DamageError(f"holds {len(accumulated)} parts of what moved it, and its levels need {len(expected)}")
    for number, (part, shape) in enumerate(zip(accumulated, expected, strict=False)):
        _check_tensor(f"parameters.{number}", part, shape)
    for tensor in state.tensors if state else ():
        _check_tensor("optimizer", tensor, tuple(tensor.shape))
    return stack


def rename_older(description: object, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the content of a file of version 1 to 3 with the names of version 4.

    In these versions the parameters are called `drive`, and the state of the optimizer `momentum`.

    Args:
        description: the description in the file.
        tensors: the tensors in the file, by name.

    Raises:
        TypeError: when the description is no dictionary.
        DamageError: when a part is there under both names.

    Example:
        >>> import torch
        >>> from das_core.stack.file_content import rename_older
        >>> description, tensors = rename_older({"steps": 2, "momentum": None}, {"drive.0": torch.zeros(1)})
        >>> description, list(tensors)
        ({'steps': 2, 'optimizer': None}, ['parameters.0'])
    """
    if not isinstance(description, dict):
        raise TypeError("the description is no object")
    names = {"drive": "parameters", "momentum": "optimizer"}

    def rename(name: str) -> str:
        first, dot, rest = name.partition(".")
        return names.get(first, first) + dot + rest

    renamed = {rename(name): part for name, part in description.items()}
    named = {rename(name): tensor for name, tensor in tensors.items()}
    if (len(renamed), len(named)) != (len(description), len(tensors)):
        raise DamageError("holds one part under its old and its new name; choose another file")
    return renamed, named


def _collect_numbered(kind: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors named kind.0, kind.1, … up to the first number that is missing."""
    found: list[Tensor] = []
    while f"{kind}.{len(found)}" in tensors:
        found.append(tensors[f"{kind}.{len(found)}"])
    return tuple(found)


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise an error unless a tensor is float32, finite and of this shape."""
    if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
        raise DamageError(f"holds {name} as {tensor.dtype} of shape {tuple(tensor.shape)}, not float32 of {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise DamageError(f"holds values in {name} that are NaN or infinite; choose another file")
