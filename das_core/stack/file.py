"""Stacks as files.

A file is in the safetensors format. Everything that is not a tensor is JSON in its metadata, together with a hash of
the whole file. An ascent from a loaded stack gives the same bits as one from the stack that was saved.

A file may come from anywhere. Its version and its hash are checked before its content is used. Before the stack is
returned, its settings are checked, and of every tensor that it is float32 and finite. The shapes of canvases,
surroundings and parameters are checked too. Those of the optimizer's tensors are not: an optimizer that takes over
ignores a state whose shapes do not fit (`ascent.optimizers`).
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
"""What the metadata of a stack file names as its format."""

VERSION = 1
"""The version of the format. It rises when older versions of this code would misread new files."""

SUFFIX = ".safetensors"
"""The ending of the name of a stack file."""

# The hash stands in the file that it is a hash of. It is computed with these zeros in its place.
_UNSEALED = "0" * 64
_WHOLE_NUMBERS = ("width", "height", "margin")


class StackFileError(ValueError):
    """The error for a file that cannot be read, is damaged, or does not describe a stack; it names the file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import torch
        >>> from safetensors.torch import save_file
        >>> from das_core import load_stack
        >>> from das_core.stack import StackFileError
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "weights.safetensors"
        ...     save_file({"weight": torch.zeros(2)}, path)
        ...     try:
        ...         load_stack(path)
        ...     except StackFileError as error:
        ...         print(error)
        the stack file 'weights.safetensors' holds no stack; choose a file that does
    """


class _DamageError(ValueError):
    """What is wrong with a file, in words that follow its name."""


def save_stack(stack: ImageStack, path: Path, *, replace: bool = True) -> None:
    """Write a stack to a file, with everything that an ascent needs to continue.

    The file appears whole or not at all: when writing fails, a file that was there before is still there.

    Args:
        stack: the stack to save.
        path: the file, in a folder that exists. `SUFFIX` is the usual ending.
        replace: whether a file of that name is replaced.

    Raises:
        FileExistsError: when there is a file of that name, and it is not to be replaced.
        OSError: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from das_core import ImageStack, StackSpec, load_stack, save_stack
        >>> stack = ImageStack.noise(StackSpec(width=32, height=32, margin=8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_stack(stack, Path(folder) / "noise.safetensors")
        ...     loaded = load_stack(Path(folder) / "noise.safetensors")
        >>> loaded.spec == stack.spec, float((loaded.canvas - stack.canvas).abs().max())
        (True, 0.0)
    """
    # Copies, because safetensors refuses tensors that share memory, and those of a stack may.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _name_tensors(stack).items()}
    state = stack.optimizer_state
    description = {
        "spec": asdict(stack.spec),
        "steps": stack.steps,
        "momentum": None if state is None else {"kind": state.kind, "steps": state.steps},
    }
    metadata = {"format": FORMAT, "version": str(VERSION), "stack": json.dumps(description), "sha256": _UNSEALED}
    content = save(tensors, metadata)
    content = content.replace(_UNSEALED.encode(), hashlib.sha256(content).hexdigest().encode(), 1)
    with write_atomically(path, replace=replace) as unfinished:
        unfinished.write_bytes(content)


def load_stack(path: Path) -> ImageStack:
    """Read a stack from a file that `save_stack` has written.

    Args:
        path: the file.

    Returns:
        The stack, on the CPU.

    Raises:
        StackFileError: when the file cannot be read, is no stack file, is of a newer version, or does not match its
            hash or its own description. It is a ValueError.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from das_core import ImageStack, StackSpec, load_stack, save_stack
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "grey.safetensors"
        ...     save_stack(ImageStack.gray(StackSpec(width=32, height=24, margin=8), batch=2), path)
        ...     load_stack(path).image().shape
        torch.Size([2, 3, 24, 32])
    """
    try:
        return _read_stack(path)
    except _DamageError as error:
        raise StackFileError(f"the stack file '{path.name}' {error}") from None


def _read_stack(path: Path) -> ImageStack:
    """Return the stack in a file, or raise a _DamageError that says what is wrong with it."""
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
        written = metadata.get("sha256", "")
        computed = hashlib.sha256(content.replace(written.encode(), _UNSEALED.encode(), 1)).hexdigest()
        if len(written) != len(_UNSEALED) or written != computed:
            raise _DamageError("is damaged: its content does not match its hash; get it again, or choose another file")
        return _build_stack(json.loads(metadata["stack"]), load(content))
    except OSError as error:
        raise _DamageError(f"cannot be read ({error.strerror or error}); choose another file") from None
    except SafetensorError as error:
        raise _DamageError(f"is damaged, or no stack at all ({error}); get it again, or choose another file") from None
    except _DamageError:
        raise
    # ValueError: json refuses what is no JSON, and numbers of more than some thousand digits.
    except (KeyError, TypeError, RecursionError, OverflowError, ValueError) as error:
        raise _DamageError(f"does not describe a stack ({repr(error)[:200]}); choose another file") from None


def _name_tensors(stack: ImageStack) -> dict[str, Tensor]:
    """Return the tensors of a stack by their names in a file: `drive` for parameters, `momentum` for the optimizer."""
    around, parameters, state = stack.surroundings, stack.parameters, stack.optimizer_state
    return {
        "start": stack.start,
        "canvas": stack.canvas,
        **{f"drive.{number}": tensor for number, tensor in enumerate(parameters.tensors if parameters else ())},
        **{f"momentum.{number}": tensor for number, tensor in enumerate(state.tensors if state else ())},
        **({} if around is None else {"surroundings.pixels": around.pixels, "surroundings.mask": around.mask}),
    }


def _build_stack(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ImageStack:
    """Return the stack that the description and the tensors of a file give, or raise an error if they do not fit."""
    # Before anything is built whose size the description alone says.
    _check_canvas_size(description["spec"], tensors["canvas"])
    spec = _build_spec(description["spec"])
    steps, momentum = description["steps"], description["momentum"]
    _check_count("steps", steps)
    state = None
    if momentum is not None:
        _check_count("momentum steps", momentum["steps"])
        if not isinstance(momentum["kind"], str):
            raise _DamageError(f"names the momentum {momentum['kind']!r}; choose another file")
        state = OptimizerState(momentum["kind"], _collect_numbered("momentum", tensors), momentum["steps"])
    parameters: Parameters | None = None
    if accumulated := _collect_numbered("drive", tensors):
        parameters = (LevelTensors if spec.method == "layers" else AccumulatedGradient)(accumulated)
    around = None
    if "surroundings.mask" in tensors:
        around = Surroundings(tensors["surroundings.pixels"], tensors["surroundings.mask"])
    stack = ImageStack(spec, tensors["start"], tensors["canvas"], parameters, steps, state, around)
    if _name_tensors(stack).keys() != tensors.keys():
        raise _DamageError(f"holds tensors that belong to no stack: {', '.join(sorted(tensors))[:200]}")
    batch = tensors["canvas"].shape[0] if tensors["canvas"].ndim else 0
    if batch < 1:
        raise _DamageError("holds a stack without an image; choose another file")
    canvas_shape = (batch, 3, *spec.canvas)
    for name in ("start", "canvas"):
        _check_tensor(name, tensors[name], canvas_shape)
    if around is not None:
        _check_tensor("surroundings.pixels", around.pixels, canvas_shape)
        _check_tensor("surroundings.mask", around.mask, (canvas_shape[0], 1, *spec.canvas))
        for name, tensor in (("pixels", around.pixels), ("mask", around.mask)):
            if tensor.min() < 0 or tensor.max() > 1:
                raise _DamageError(f"holds values in surroundings.{name} outside 0..1; choose another file")
    expected = [canvas_shape]
    if spec.method == "layers":
        expected = [(*canvas_shape[:2], *level_shape(level, spec.canvas)) for level in spec.resolutions]
    if accumulated and len(accumulated) != len(expected):
        raise _DamageError(f"holds {len(accumulated)} parts of what moved it, and its levels need {len(expected)}")
    for number, (part, shape) in enumerate(zip(accumulated, expected, strict=False)):
        _check_tensor(f"drive.{number}", part, shape)
    for tensor in state.tensors if state else ():
        _check_tensor("momentum", tensor, tuple(tensor.shape))
    return stack


def _check_canvas_size(fields: Mapping[str, Any], canvas: Tensor) -> None:
    """Raise an error unless a canvas has the size that the fields of a spec say, and the bands are few."""
    for name in _WHOLE_NUMBERS:
        _check_count(name, fields[name])
    width, height = (fields[name] + 2 * fields["margin"] for name in ("width", "height"))
    if tuple(canvas.shape[2:]) != (height, width):
        raise _DamageError(f"holds a canvas of shape {tuple(canvas.shape)}, not one of {width} x {height} pixels")
    for name in ("levels", "gains", "frozen"):
        if isinstance(fields.get(name), list) and len(fields[name]) > max(width, height):
            raise _DamageError(f"names {len(fields[name])} {name}, more than a canvas of {width} x {height} can have")


def _build_spec(fields: Mapping[str, Any]) -> StackSpec:
    """Return the spec with these fields, or raise an error when a field is missing, unknown or out of range."""
    values = {**fields, "levels": tuple(fields["levels"]), "gains": tuple(fields["gains"])}
    frozen = fields.get("frozen", [])
    if not isinstance(frozen, list) or any(not isinstance(band, list) or len(band) != 2 for band in frozen):
        raise _DamageError(f"names {str(frozen)[:40]!r} as frozen; pairs of resolutions are needed")
    values["frozen"] = tuple((low, high) for low, high in frozen)
    for level in itertools.chain(values["levels"], *values["frozen"]):
        _check_count("a level", level)
    # Files from before tiles were added do not have this field.
    if type(values.get("tile", False)) is not bool:
        raise _DamageError(f"names {str(values['tile'])[:20]!r} as tile; true or false is needed")
    if values["color"] not in get_args(ColorSpace) or any(type(gain) is not float for gain in values["gains"]):
        raise _DamageError(f"describes a stack that cannot be: {str(fields)[:200]}")
    try:
        return StackSpec(**values)
    except ValueError as error:
        raise _DamageError(f"describes a stack that cannot be: {error}") from None


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
        raise _DamageError(f"names {str(value)[:20]!r} as {what}; a whole number from 0 up is needed")


def _check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise an error unless a tensor is float32, finite and of this shape."""
    if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
        raise _DamageError(f"holds {name} as {tensor.dtype} of shape {tuple(tensor.shape)}, not float32 of {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise _DamageError(f"holds values in {name} that are NaN or infinite; choose another file")
