"""Saves stacks to safetensors files, and loads them.

Everything that is not a tensor is JSON in the metadata, with a hash of the whole content. Files are not trusted:
version and hash are checked first, the content by the constructors of its parts, and here for values not finite.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..common.files import write_atomically
from ..common.interruption import pausing
from ..common.tensor_file import write_tensor_file
from ..common.text import shorten
from ..looks.catalog import build_look, describe_look
from .image_stack import ImageStack
from .spec import StackSpec
from .start import Surroundings
from .state import OptimizerState
from .time import Time
from .zoom import Zoom

FORMAT, VERSION = "direct ascent stack", "1"  # The values of `format` and `version` in the metadata of a stack file.

SUFFIX = ".safetensors"

_AT_ONCE = 2**27  # How many bytes are hashed at once, which takes some tenths of a second.


class StackFileError(ValueError):
    """The error for a file that cannot be read, is damaged, or does not describe a stack; it names the file."""


def save_stack(stack: ImageStack, path: Path | str, *, replace: bool = True) -> None:
    """Write a stack to a file, with everything that an ascent needs to continue; it is written whole or not at all.

    Args:
        stack: the stack to save.
        path: the file, in a folder that exists; its name usually ends in `.safetensors`.
        replace: whether a file of that name is replaced.

    Raises:
        ValueError: when the stack holds values that are NaN or infinite, or surroundings outside 0..1.
        FileExistsError: when there is a file of that name, and it is not to be replaced.
        OSError: when the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import direct_ascent as da
        >>> stack = da.ImageStack.noise(da.StackSpec(width=32, height=32, margin=8))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     da.stack.save_stack(stack, Path(folder) / "noise.safetensors")
        ...     loaded = da.stack.load_stack(Path(folder) / "noise.safetensors")
        >>> loaded.spec == stack.spec, bool((loaded.canvas == stack.canvas).all())
        (True, True)
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _name_tensors(stack).items()}
    state, moved = stack.optimizer_state, stack.spec.parametrization
    if not isinstance(moved, str):
        raise ValueError(
            f"the stack cannot be saved: {moved.__name__}, a parametrization of your own, has no place in a file; put "
            "'pixels' in its place with replace(stack, spec=replace(stack.spec, parametrization='pixels'), "
            "optimizer_state=None), or save the picture"
        )
    optimizer = None if state is None else {"kind": state.kind, "steps": state.steps}
    spec = asdict(dataclasses.replace(stack.spec, look=None)) | {"look": describe_look(stack.spec.look)}
    description = json.dumps({"spec": spec, "steps": stack.steps, "optimizer": optimizer, "settings": stack.settings})
    try:
        # What cannot be read is not written.
        _build_stack(json.loads(description), tensors)
    except ValueError as error:
        raise ValueError(f"the stack cannot be saved: {error}") from error
    digest = _compute_hash(description, tensors)
    metadata = {"format": FORMAT, "version": VERSION, "stack": description, "sha256": digest}
    with write_atomically(Path(path), replace=replace) as unfinished:
        write_tensor_file(unfinished, tensors, metadata)


def load_stack(path: Path | str) -> ImageStack:
    """Read a stack from a file that `save_stack` has written, to the CPU.

    Args:
        path: the file.

    Raises:
        StackFileError: a ValueError, when the file cannot be read, is no stack file or is damaged.
    """
    try:
        return _read_stack(Path(path))
    except StackFileError as error:
        reason = str(error)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error}); choose another file"
    except SafetensorError as error:
        reason = f"is damaged, or no stack at all ({error}); get it again, or choose another file"
    # json raises a ValueError for text that is not JSON and for huge integers, the constructors of the parts, too.
    except (KeyError, TypeError, RecursionError, ValueError) as error:
        said = str(error) if type(error) is ValueError else repr(error)
        reason = f"does not describe a stack ({shorten(said, 200)}); choose another file"
    raise StackFileError(f"the stack file '{Path(path).name}' {reason}")


def _read_stack(path: Path) -> ImageStack:
    """Return the stack in a file, or raise an error whose message has no subject: `load_stack` names the file."""
    path.open("rb").close()  # The errors of safe_open do not say why a file cannot be opened.
    # NumPy gets copies of the tensors; PyTorch would get views of the file, which change if the file does.
    with safe_open(path, "np") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise StackFileError("holds no stack; choose a file that does")
        if (version := metadata.get("version", "")) != VERSION:
            raise StackFileError(
                f"is of version {shorten(version, 20)}, and this pack reads version {VERSION}: update the pack, or "
                "choose another file"
            )
        tensors = {name: torch.from_numpy(file.get_tensor(name)) for name in pausing(file.keys())}
    if metadata.get("sha256") != _compute_hash(metadata["stack"], tensors):
        raise StackFileError("is damaged: its content does not match its hash; get it again, or choose another file")
    return _build_stack(json.loads(metadata["stack"]), tensors)


def _compute_hash(description: str, tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a description and of tensors with their names, types and shapes, in hexadecimal digits."""
    shapes = {name: (str(tensor.dtype), tuple(tensor.shape)) for name, tensor in sorted(tensors.items())}
    digest = hashlib.sha256(json.dumps([description, shapes]).encode())
    for name in shapes:
        for part in pausing(tensors[name].flatten().split(max(1, _AT_ONCE // 4))):
            digest.update(part.numpy())
    return digest.hexdigest()


def _name_tensors(stack: ImageStack) -> dict[str, Tensor]:
    around, state = stack.surroundings, stack.optimizer_state
    return {
        "start": stack.start,
        "canvas": stack.canvas,
        **{f"optimizer.{number}": tensor for number, tensor in enumerate(state.tensors if state else ())},
        **({} if around is None else {"surroundings.0": around.pixels, "surroundings.1": around.mask}),
    }


def _build_stack(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ImageStack:
    """Return the stack with these tensors and a description as JSON has it, or raise an error if there is none."""
    fields, state = description["spec"], description["optimizer"]
    time, zoom = fields["time"], fields["zoom"]
    made = {"time": time and Time(**time), "zoom": zoom and Zoom(**zoom), "look": build_look(fields["look"])}
    spec = StackSpec(**{**fields, **made})
    around = _collect("surroundings", tensors)
    stack = ImageStack(
        spec,
        tensors["start"],
        tensors["canvas"],
        description["steps"],
        None if state is None else OptimizerState(state["kind"], _collect("optimizer", tensors), state["steps"]),
        Surroundings(*around) if around else None,
    )
    if (named := _name_tensors(stack).keys()) != tensors.keys():
        raise ValueError(f"the tensors {shorten(sorted(tensors.keys() ^ named))} are missing or belong to no stack")
    for name, tensor in tensors.items():
        for part in pausing(tensor.split(1) if tensor.ndim else [tensor]):
            if not bool(part.isfinite().all()):
                raise ValueError(f"it holds values in {name} that are NaN or infinite")
            if name.startswith("surroundings") and not bool(((part >= 0) & (part <= 1)).all()):
                raise ValueError(f"it holds values in {name} outside 0..1")
    settings = description.get("settings")  # Files of version 1.0 have none.
    return stack.with_settings(settings if isinstance(settings, dict) else None)


def _collect(kind: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    count = sum(name.startswith(f"{kind}.") for name in tensors)
    return tuple(tensors[f"{kind}.{number}"] for number in range(count))
