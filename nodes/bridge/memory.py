"""ComfyUI's memory manager: who has a place on the device, and how much is free there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
import torch
from torch import nn

from ...das_core.models.clip import CLIP
from ...das_core.models.judge import Judge
from .tensors import get_device

# Far more than one text takes.
_READING_BYTES = 2**28


def measure_free_memory(where: torch.device | None = None) -> int:
    """How many bytes are free on a device (ComfyUI's own if None)."""
    return int(mm.get_free_memory(where or get_device()))


def check_memory(needed: int, what: str, advice: str, where: torch.device | None = None) -> None:
    """ValueError when `needed` bytes are not free on a device (ComfyUI's own if None)."""
    free = measure_free_memory(where)
    if needed > free:
        raise ValueError(f"{what} needs about {_gib(needed)}, and {_gib(free)} are free: {advice}")


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"


def manage_module(module: nn.Module) -> object:
    """A handle by which ComfyUI's memory manager moves a frozen module between devices; keep it with the judge."""
    return comfy.model_patcher.ModelPatcher(module, load_device=get_device(), offload_device=mm.unet_offload_device())


def manage_clip(clip: CLIP) -> CLIP:
    """A CLIP both towers of which are in the care of the memory manager, each by itself: texts are rarely read."""
    text = clip.text
    if text is not None and text.module is not None:
        text = replace(text, owner=manage_module(text.module))
    return replace(clip, owner=manage_module(clip.module), text=text)


def load_reader(clip: CLIP, texts: Iterable[str]) -> None:
    """Bring the text tower of a CLIP to ComfyUI's device, if there are texts that it has not read yet."""
    tower = clip.reader
    if tower.module is not None and not all(tower.knows(text) for text in texts):
        mm.load_models_gpu([tower.owner], memory_required=_READING_BYTES, force_full_load=True)
        _repair(tower.module)


def load_judges(judges: Iterable[Judge], views: int) -> None:
    """Bring judges to ComfyUI's device, with room for the gradients of `views` views at a time.

    To be called under `with_autograd` and before every run: other models may have evicted ours in the meantime.
    """
    unique = {id(judge.module): judge for judge in judges}.values()
    if not unique:
        return
    needed = max(_activation_bytes(judge, views) for judge in unique)
    mm.load_models_gpu([judge.owner for judge in unique], memory_required=needed, force_full_load=True)
    for judge in unique:
        _repair(judge.module)


def _activation_bytes(judge: Judge, views: int) -> int:
    # About what the graph of a convolutional network holds per pixel of its input; an estimate, the loop halves the
    # chunk when it was too low.
    return views * judge.size**2 * 2000


def _repair(module: nn.Module) -> None:
    """Give a module parameters that autograd takes, where a move under inference mode has left others."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.is_inference():
                setattr(part, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_inference():
                setattr(part, name, buffer.clone())


@contextmanager
def free_cache() -> Iterator[None]:
    """Give cached memory back however the work inside ends."""
    try:
        yield
    finally:
        mm.soft_empty_cache()
