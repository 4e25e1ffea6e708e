"""The content of a stack file: a stack as named tensors and a description, and the stack that these give.

The content may come from anywhere. Before the stack is returned, its settings are checked, and of every tensor that it
is float32 and finite. The shapes of canvases, surroundings and parameters are checked too. Those of the optimizer's
tensors are not: an optimizer that takes over ignores a state whose shapes do not fit (`ascent.optimizers`).
"""

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

import torch
from torch import Tensor

from ..common.text import shorten
from .color import ColorSpace
from .image_stack import ImageStack
from .spec import StackSpec
from .state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters
from .surroundings import Surroundings
from .time import Time
from .zoom import Zoom

_WHOLE_NUMBERS = ("width", "height", "margin")


class DamageError(ValueError):
    """The error for content that gives no stack: what is wrong with a file, in words that follow its name."""


def describe_stack(stack: ImageStack) -> dict[str, Any]:
    """Return everything of a stack that is not a tensor, as values that JSON has.

    Args:
        stack: the stack to describe.

    Returns:
        The fields of its spec (`spec`), how many steps have moved it (`steps`), and of which kind its optimizer is and
        how many steps are in its state (`momentum`, None without a state).

    Example:
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack.file_content import describe_stack
        >>> description = describe_stack(ImageStack.gray(StackSpec(width=32, height=24, margin=8)))
        >>> description["spec"]["width"], description["steps"], description["momentum"]
        (32, 0, None)
    """
    state = stack.optimizer_state
    spec = asdict(stack.spec)
    if stack.spec.time is None:
        # Files of pictures are those of version 1.
        del spec["time"]
    if stack.spec.zoom is None:
        del spec["zoom"]
    return {
        "spec": spec,
        "steps": stack.steps,
        "momentum": None if state is None else {"kind": state.kind, "steps": state.steps},
    }


def name_tensors(stack: ImageStack) -> dict[str, Tensor]:
    """Return the tensors of a stack by their names in a file.

    Args:
        stack: the stack whose tensors are named.

    Returns:
        `start` and `canvas`; `drive.0`, `drive.1` and so on for the parameters, `momentum.0` and so on for the
        optimizer, `surroundings.pixels` and `surroundings.mask`, as far as the stack has them. They are the tensors of
        the stack, not copies.

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
        **{f"drive.{number}": tensor for number, tensor in enumerate(parameters.tensors if parameters else ())},
        **{f"momentum.{number}": tensor for number, tensor in enumerate(state.tensors if state else ())},
        **({} if around is None else {"surroundings.pixels": around.pixels, "surroundings.mask": around.mask}),
    }


def build_stack(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ImageStack:
    """Build a stack from its description and its tensors, wherever they come from.

    Args:
        description: what `describe_stack` has returned, written as JSON and read again: with lists for tuples.
        tensors: what `name_tensors` has returned; the stack takes them as they are.

    Raises:
        DamageError: when the description or a tensor is not that of a stack, or when they do not fit each other. It is
            a ValueError.
        KeyError: when the description or the tensors lack a part.
        TypeError: when a part of the description has another type.

    Example:
        >>> import json
        >>> from das_core import ImageStack, StackSpec
        >>> from das_core.stack.file_content import build_stack, describe_stack, name_tensors
        >>> stack = ImageStack.noise(StackSpec(width=32, height=24, margin=8))
        >>> description = json.loads(json.dumps(describe_stack(stack)))
        >>> build_stack(description, name_tensors(stack)).spec == stack.spec
        True
    """
    # Before anything is built whose size the description alone says.
    _check_canvas_size(description["spec"], tensors["canvas"])
    spec = _build_spec(description["spec"])
    steps, momentum = description["steps"], description["momentum"]
    _check_count("steps", steps)
    state = None
    if momentum is not None:
        _check_count("momentum steps", momentum["steps"])
        kind = momentum["kind"]
        if not isinstance(kind, str):
            raise DamageError(f"names the momentum '{shorten(kind)}'; choose another file")
        state = OptimizerState(kind, _collect_numbered("momentum", tensors), momentum["steps"])
    parameters: Parameters | None = None
    if accumulated := _collect_numbered("drive", tensors):
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
        _check_tensor(f"drive.{number}", part, shape)
    for tensor in state.tensors if state else ():
        _check_tensor("momentum", tensor, tuple(tensor.shape))
    return stack


def _check_canvas_size(fields: Mapping[str, Any], canvas: Tensor) -> None:
    """Raise an error unless a canvas fits the fields of a spec.

    It has the size that they say; and they list no more levels, gains or frozen bands than its long side has pixels.
    """
    for name in _WHOLE_NUMBERS:
        _check_count(name, fields[name])
    width, height = (fields[name] + 2 * fields["margin"] for name in ("width", "height"))
    if tuple(canvas.shape[2:]) != (height, width):
        raise DamageError(f"holds a canvas of shape {tuple(canvas.shape)}, not one of {width} x {height} pixels")
    for name in ("levels", "gains", "frozen"):
        if isinstance(fields.get(name), list) and len(fields[name]) > max(width, height):
            raise DamageError(f"names {len(fields[name])} {name}, more than a canvas of {width} x {height} can have")
    _check_time(fields.get("time"), len(canvas))
    _check_zoom(fields.get("zoom"), len(canvas))


def _check_time(fields: object, batch: int) -> None:
    """Raise an error unless the fields of a time axis fit a film whose frames are the batch; None is a picture."""
    if fields is None:
        return
    if not isinstance(fields, dict) or fields.keys() != {"frames", "levels", "loop"}:
        raise DamageError(f"names {str(fields)[:40]!r} as time; frames, levels and loop are needed")
    _check_count("frames", fields["frames"])
    if fields["frames"] != batch:
        raise DamageError(f"names {fields['frames']} frames and holds {batch} canvases; one for each is needed")
    levels = fields["levels"]
    if not isinstance(levels, list) or len(levels) > batch:
        raise DamageError(f"names {str(levels)[:40]!r} as levels in time; at most {batch} are needed")
    for level in levels:
        _check_count("a level in time", level)
    if type(fields["loop"]) is not bool:
        raise DamageError(f"names {str(fields['loop'])[:20]!r} as loop; true or false is needed")


def _check_zoom(fields: object, batch: int) -> None:
    """Raise an error unless the fields of a zoom, or None without one, are those of a zoom of so many depths."""
    if fields is None:
        return
    if not isinstance(fields, dict) or fields.keys() != {"depths", "factor", "loop", "between"}:
        raise DamageError(f"names {str(fields)[:40]!r} as zoom; depths, factor, loop and between are needed")
    _check_count("depths", fields["depths"])
    _check_count("between", fields["between"])
    if fields["depths"] != batch:
        raise DamageError(f"names {fields['depths']} depths and holds {batch} canvases; one for each is needed")
    if type(fields["factor"]) is not float or type(fields["loop"]) is not bool:
        raise DamageError(f"names {str(fields)[:80]!r} as zoom; a factor and true or false as loop are needed")


def _build_spec(fields: Mapping[str, Any]) -> StackSpec:
    """Return the spec with these fields, or raise an error when a field is missing, unknown or out of range."""
    values = {**fields, "levels": tuple(fields["levels"]), "gains": tuple(fields["gains"])}
    frozen = fields.get("frozen", [])
    if not isinstance(frozen, list) or any(not isinstance(band, list) or len(band) != 2 for band in frozen):
        raise DamageError(f"names {str(frozen)[:40]!r} as frozen; pairs of resolutions are needed")
    values["frozen"] = tuple((low, high) for low, high in frozen)
    for level in itertools.chain(values["levels"], *values["frozen"]):
        _check_count("a level", level)
    # Files from before tiles were added do not have this field.
    if type(values.get("tile", False)) is not bool:
        raise DamageError(f"names {str(values['tile'])[:20]!r} as tile; true or false is needed")
    if values["color"] not in get_args(ColorSpace) or any(type(gain) is not float for gain in values["gains"]):
        raise DamageError(f"describes a stack that cannot be: {str(fields)[:200]}")
    try:
        if time := values.get("time"):
            values["time"] = Time(time["frames"], tuple(time["levels"]), time["loop"])
        if zoom := values.get("zoom"):
            values["zoom"] = Zoom(**zoom)
        return StackSpec(**values)
    except ValueError as error:
        raise DamageError(f"describes a stack that cannot be: {error}") from None


def _collect_numbered(kind: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors named kind.0, kind.1, … up to the first number that is missing."""
    found: list[Tensor] = []
    while f"{kind}.{len(found)}" in tensors:
        found.append(tensors[f"{kind}.{len(found)}"])
    return tuple(found)


def _check_count(what: str, value: object) -> None:
    """Raise an error unless a value is a whole number from 0 up."""
    # Not isinstance, for which true and false are whole numbers too.
    if type(value) is not int or not 0 <= value < 2**53:
        raise DamageError(f"names {str(value)[:20]!r} as {what}; a whole number from 0 up is needed")


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise an error unless a tensor is float32, finite and of this shape."""
    if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
        raise DamageError(f"holds {name} as {tensor.dtype} of shape {tuple(tensor.shape)}, not float32 of {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise DamageError(f"holds values in {name} that are NaN or infinite; choose another file")
