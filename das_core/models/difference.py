"""Differences of weights: what makes a taught judge of a published one, small enough to be shipped beside it.

A large weight, seen as a matrix, changes by a product of two thin ones, as in LoRA (Hu et al., 2021, arXiv 2106.09685);
all others change by as many numbers as they have.
"""

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import safetensors
import torch
from torch import Tensor, nn

from ..common.files import explain_unreadable, write_atomically
from ..common.modes import own_modes
from ..common.tensor_file import write_tensor_file
from ..common.text import shorten
from .fold import find_unfolded, forget_unfolded
from .judge import Judge

J = TypeVar("J", bound=Judge)

THIN = UP, DOWN = "#up", "#down"  # What ends the names of the two thin matrices of a weight.
_WORTHWHILE = 0.7  # A product is used if it has fewer numbers than this share of the weight.
_NOISE = 0.5  # Of views at the first step of an ascent; teaching shows up to 0.6.
_FORMAT = "direct_ascent.difference.1"


@dataclass(frozen=True)
class Difference:
    """What teaching has changed in the weights of a single judge.

    Args:
        model: the name of the judge that it belongs to.
        digest: the SHA-256 of its weights (`digest_weights`).
        tensors: what is added, by the name of the weight: as many numbers as the weight has; or, under the names with
            '#up' (out, rank) and '#down' (rank, in), two matrices whose product is added.
        lesson: what it was taught with, so that the same call finds it; not read by anything else.
    """

    model: str
    digest: str
    tensors: Mapping[str, Tensor] = field(repr=False)
    lesson: str = ""


def digest_weights(module: nn.Module) -> str:
    """Return the SHA-256 of the names, shapes and values of the weights of a module, as they were before norms were
    folded: the folded ones differ in their last bits between machines."""
    digest = hashlib.sha256()
    originals = {name: original for name, part in module.named_modules() if (original := find_unfolded(part))}
    for name, weight in module.named_parameters():
        owner, _, last = name.rpartition(".")
        if owner in originals:
            if last != "weight":
                continue  # The bias of a folded norm.
            weight = originals[owner].weight  # type: ignore[assignment]
        values = weight.detach().float().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)}".encode())
        digest.update(values.numpy().data)
    return digest.hexdigest()


def start_difference(weights: Mapping[str, Tensor], rank: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the tensors of a difference of zero for some weights: one factor of each product is drawn at random."""
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        rows, columns = len(weight) if weight.ndim else 1, weight[0].numel() if weight.ndim else 1
        if weight.ndim < 2 or rank * (rows + columns) > _WORTHWHILE * weight.numel():
            tensors[name] = torch.zeros_like(weight)
        else:
            drawn = torch.randn(rank, columns, generator=generator) / columns**0.5
            tensors[name + UP] = weight.new_zeros(rows, rank)
            tensors[name + DOWN] = drawn.to(weight)
    return tensors


def add_difference(weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights that a difference changes, changed; autograd goes through both."""
    changed = {}
    for name, weight in weights.items():
        if name in tensors:
            changed[name] = weight + tensors[name]
        elif name + UP in tensors:
            changed[name] = weight + (tensors[name + UP] @ tensors[name + DOWN]).view_as(weight)
    return changed


@own_modes()
def apply_difference(judge: J, difference: Difference) -> J:
    """Return a judge like another one, with a copy of its module whose weights a difference has changed; of an
    ensemble, the member that it belongs to.

    Raises:
        ValueError: when the difference belongs to other weights.
    """
    if all(digest_weights(member.module) != difference.digest for member in judge.members):
        raise ValueError(
            f"what was taught belongs to {difference.model}, and {judge.name} has other weights; load that model, in "
            "fp32, or teach this one"
        )
    return judge.map_members(
        lambda one: change_weights(one, difference) if digest_weights(one.module) == difference.digest else one
    )


def change_weights(judge: J, difference: Difference) -> J:
    """Return a single judge with its weights changed by a difference that is known to belong to them."""
    module = deepcopy(judge.module)
    weights = dict(module.named_parameters())
    tensors = {name: tensor.to(judge.device, torch.float32) for name, tensor in difference.tensors.items()}
    _check_fit(weights, tensors, difference.model)
    changed = add_difference({name: weight.detach() for name, weight in weights.items()}, tensors)
    for name, values in changed.items():
        weights[name].data.copy_(values)
    forget_unfolded(module)
    return replace(judge, name=f"{judge.name}, taught", module=module, noise=_NOISE, owner=None)


def write_difference(path: Path, difference: Difference) -> None:
    """Write a difference to a file, whole or not at all, in float16."""
    tensors = {name: tensor.detach().half() for name, tensor in difference.tensors.items()}
    about = {"format": _FORMAT, "model": difference.model, "sha256": difference.digest, "lesson": difference.lesson}
    with write_atomically(path) as part:
        write_tensor_file(part, tensors, about)


def read_difference(path: Path) -> Difference:
    """Read a difference from a file, which is not trusted.

    Raises:
        ValueError: when the file cannot be read, is damaged, or is something else.
    """
    with explain_unreadable(path):
        size = path.stat().st_size
    try:
        with safetensors.safe_open(path, "pt") as file:
            about = file.metadata() or {}
            if about.get("format") != _FORMAT:
                raise ValueError("it holds something else")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if not tensors:
                raise ValueError("it is empty")
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"'{path.name}' ({size} bytes) is no file of what was taught that can be read "
            f"({shorten(str(error), 100)}); teach the model again, or get the file again"
        ) from error
    if bad := [
        name for name, tensor in tensors.items() if tensor.dtype != torch.float16 or not tensor.isfinite().all()
    ]:
        raise ValueError(f"'{path.name}' is damaged: {shorten(bad[0])} holds no finite fp16 numbers; get it again")
    return Difference(shorten(about.get("model", ""), 100), about.get("sha256", ""), tensors, about.get("lesson", ""))


def _check_fit(weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor], model: str) -> None:
    """Raise a ValueError when the tensors of a difference do not fit these weights."""
    for name, tensor in tensors.items():
        whole = name.removesuffix(UP).removesuffix(DOWN)
        weight = weights.get(whole)
        shape: tuple[int, ...] | None = None
        if weight is not None and name == whole:
            shape = tuple(weight.shape)
        elif weight is not None and weight.ndim > 1 and {whole + UP, whole + DOWN} <= tensors.keys():
            rank = tensors[whole + DOWN].shape[:1].numel()
            shape = (len(weight), rank) if name.endswith(UP) else (rank, weight[0].numel())
        if shape is None or tuple(tensor.shape) != shape:
            raise ValueError(f"the file for {model} is damaged: {shorten(name)} fits no weight; get it again")
