"""A stack as a file: safetensors, with all that is no tensor as JSON in its metadata, sealed by a hash of every byte.

A stack that was saved and loaded goes on as if nothing had been, bit for bit. A file comes from anywhere: nothing of
it is believed before its hash, its version and the shape of every tensor are what they have to be.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from ..common.files import write_atomically
from .color import ColorSpace
from .image_stack import ImageStack, Surroundings
from .levels import level_shape
from .spec import StackSpec
from .state import AccumulatedGradient, LevelTensors, OptimizerState, Parameters

FORMAT = "direct ascent stack"

VERSION = 1
"""Raised when older versions of the pack would misread what is written now."""

SUFFIX = ".safetensors"

# The seal stands in the file that it is a hash of, and counts as this.
_UNSEALED = "0" * 64
_WHOLE_NUMBERS = ("width", "height", "margin")


class StackFileError(ValueError):
    """A file that holds no stack that can be believed."""


class _DamageError(ValueError):
    """What is wrong with a file, without its name."""


def save_stack(stack: ImageStack, path: Path) -> None:
    """Write a stack to `path`, whole or not at all; what stood there is replaced."""
    # Copies: parts of a stack may share memory, which the format has no words for.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _tensors(stack).items()}
    state = stack.optimizer_state
    description = {
        "spec": asdict(stack.spec),
        "steps": stack.steps,
        "momentum": None if state is None else {"kind": state.kind, "steps": state.steps},
    }
    metadata = {"format": FORMAT, "version": str(VERSION), "stack": json.dumps(description), "sha256": _UNSEALED}
    content = save(tensors, metadata)
    content = content.replace(_UNSEALED.encode(), hashlib.sha256(content).hexdigest().encode(), 1)
    with write_atomically(path) as unfinished:
        unfinished.write_bytes(content)


def load_stack(path: Path) -> ImageStack:
    """The stack in a file, on the CPU; ValueError, which names the file, when it holds none that can be believed."""
    try:
        return _read(path)
    except _DamageError as error:
        raise StackFileError(f"the stack file '{path.name}' {error}") from None


def _read(path: Path) -> ImageStack:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise _DamageError("holds no stack; choose a file that does")
        version = metadata.get("version", "")
        if version != str(VERSION):
            raise _DamageError(
                f"is of version {version[:20]!r}, and this pack reads up to version {VERSION}: update the pack, or "
                "choose another file"
            )
        content = path.read_bytes()
        seal = metadata.get("sha256", "")
        sealed = hashlib.sha256(content.replace(seal.encode(), _UNSEALED.encode(), 1)).hexdigest()
        if len(seal) != len(_UNSEALED) or seal != sealed:
            raise _DamageError("is damaged: its content does not match its hash; get it again, or choose another file")
        return _build_stack(json.loads(metadata["stack"]), load(content))
    except OSError as error:
        raise _DamageError(f"cannot be read ({error.strerror or error}); choose another file") from None
    except SafetensorError as error:
        raise _DamageError(f"is damaged, or no stack at all ({error}); get it again, or choose another file") from None
    except (KeyError, TypeError, RecursionError, OverflowError, json.JSONDecodeError) as error:
        raise _DamageError(f"does not describe a stack ({error!r}); choose another file") from None


def _tensors(stack: ImageStack) -> dict[str, Tensor]:
    """Return the tensors of a stack by their names in a file; `drive` are parameters, `momentum` the optimizer's."""
    around, parameters, state = stack.surroundings, stack.parameters, stack.optimizer_state
    return {
        "start": stack.start,
        "canvas": stack.canvas,
        **{f"drive.{number}": tensor for number, tensor in enumerate(parameters.tensors if parameters else ())},
        **{f"momentum.{number}": tensor for number, tensor in enumerate(state.tensors if state else ())},
        **({} if around is None else {"surroundings.pixels": around.pixels, "surroundings.mask": around.mask}),
    }


def _build_stack(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ImageStack:
    """Return the stack that a file describes and holds; whatever does not fit together is an error."""
    spec = _build_spec(description["spec"])
    steps, remembered = description["steps"], description["momentum"]
    _check_count("steps", steps)
    state = None
    if remembered is not None:
        _check_count("momentum steps", remembered["steps"])
        if not isinstance(remembered["kind"], str):
            raise _DamageError(f"names the momentum {remembered['kind']!r}; choose another file")
        state = OptimizerState(remembered["kind"], _collect("momentum", tensors), remembered["steps"])
    parameters: Parameters | None = None
    if accumulated := _collect("drive", tensors):
        parameters = (LevelTensors if spec.method == "layers" else AccumulatedGradient)(accumulated)
    around = None
    if "surroundings.mask" in tensors:
        around = Surroundings(tensors["surroundings.pixels"], tensors["surroundings.mask"])
    stack = ImageStack(spec, tensors["start"], tensors["canvas"], parameters, steps, state, around)
    if _tensors(stack).keys() != tensors.keys():
        raise _DamageError(f"holds tensors that belong to no stack: {', '.join(sorted(tensors))[:200]}")
    whole = (tensors["canvas"].shape[0], 3, *spec.canvas)
    for name in ("start", "canvas"):
        _check_tensor(name, tensors[name], whole)
    if around is not None:
        _check_tensor("surroundings.pixels", around.pixels, whole)
        _check_tensor("surroundings.mask", around.mask, (whole[0], 1, *spec.canvas))
    expected = [whole]
    if spec.method == "layers":
        expected = [(*whole[:2], *level_shape(level, spec.canvas)) for level in spec.resolutions]
    if accumulated and len(accumulated) != len(expected):
        raise _DamageError(f"holds {len(accumulated)} parts of what moved it, and its levels need {len(expected)}")
    for number, (part, shape) in enumerate(zip(accumulated, expected, strict=False)):
        _check_tensor(f"drive.{number}", part, shape)
    for tensor in state.tensors if state else ():
        _check_tensor("momentum", tensor, tuple(tensor.shape))
    return stack


def _build_spec(told: Mapping[str, Any]) -> StackSpec:
    given = {**told, "levels": tuple(told["levels"]), "gains": tuple(told["gains"])}
    given["frozen"] = tuple((low, high) for low, high in told.get("frozen", ()))
    for name in _WHOLE_NUMBERS:
        _check_count(name, given[name])
    for level in itertools.chain(given["levels"], *given["frozen"]):
        _check_count("a level", level)
    # A file from before there were tiles does not speak of them.
    if type(given.get("tile", False)) is not bool:
        raise _DamageError(f"names {str(given['tile'])[:20]!r} as tile; true or false is needed")
    if given["color"] not in get_args(ColorSpace) or any(type(gain) is not float for gain in given["gains"]):
        raise _DamageError(f"describes a stack that cannot be: {str(told)[:200]}")
    try:
        return StackSpec(**given)
    except ValueError as error:
        raise _DamageError(f"describes a stack that cannot be: {error}") from None


def _collect(kind: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors kind.0, kind.1, … up to the first number that is not there."""
    found: list[Tensor] = []
    while f"{kind}.{len(found)}" in tensors:
        found.append(tensors[f"{kind}.{len(found)}"])
    return tuple(found)


def _check_count(what: str, value: object) -> None:
    # Not isinstance: true and false are whole numbers to Python.
    if type(value) is not int or not 0 <= value < 2**53:
        raise _DamageError(f"names {str(value)[:20]!r} as {what}; a whole number from 0 up is needed")


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
        raise _DamageError(f"holds {name} as {tensor.dtype} of shape {tuple(tensor.shape)}, not float32 of {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise _DamageError(f"holds values in {name} that are NaN or infinite; choose another file")
