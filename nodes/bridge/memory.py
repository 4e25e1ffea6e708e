"""ComfyUI's memory manager: which models are on the device, and how much memory is free there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import comfy.model_management as mm
import comfy.model_patcher
import torch
from torch import nn

from ...das_core.models.clip import CLIP
from ...das_core.models.judge import Judge
from .tensors import get_device

# Far more than the activations of one text take.
_READING_BYTES = 2**28

# About what the graph of a convolutional network holds for every pixel of its input. It is an estimate: the ascent
# halves its chunk when memory runs out all the same.
_BYTES_PER_PIXEL = 2000


def measure_free_memory(device: torch.device | None = None) -> int:
    """Return how many bytes are free on a device.

    Args:
        device: where to look; None for the device that ComfyUI computes on.
    """
    return int(mm.get_free_memory(device or get_device()))


def check_memory(needed: int, what: str, advice: str, device: torch.device | None = None) -> None:
    """Raise an error when something does not fit into the memory that is free.

    Args:
        needed: bytes that have to be free.
        what: what needs them, in words, for the error.
        advice: what the user can do when they are not free.
        device: where they have to be free; None for the device that ComfyUI computes on.

    Raises:
        ValueError: when fewer than `needed` bytes are free.
    """
    free = measure_free_memory(device)
    if needed > free:
        raise ValueError(f"{what} needs about {_format_gib(needed)}, and {_format_gib(free)} are free: {advice}")


def _format_gib(count: float) -> str:
    """Return a number of bytes in GiB, with one decimal."""
    return f"{count / 2**30:.1f} GiB"


def manage_module(module: nn.Module) -> object:
    """Put a frozen module into the care of ComfyUI's memory manager, which moves it between devices.

    Args:
        module: the module; it stays where it is until `load_judges` or `load_reader` brings it to the device.

    Returns:
        The handle of the memory manager. Keep it in the `owner` of the judge: when it is gone, so is the care.
    """
    return comfy.model_patcher.ModelPatcher(module, load_device=get_device(), offload_device=mm.unet_offload_device())


def manage_clip(clip: CLIP) -> CLIP:
    """Put the image tower and the text tower of a CLIP into the care of ComfyUI's memory manager.

    Each tower has a handle of its own, so that the text tower need not stay on the device during an ascent.

    Args:
        clip: a CLIP. A text tower without a module, which takes care of itself, is left alone.

    Returns:
        The same CLIP with the handles as owners.
    """
    text = clip.text
    if text is not None and text.module is not None:
        text = replace(text, owner=manage_module(text.module))
    return replace(clip, owner=manage_module(clip.module), text=text)


def load_reader(clip: CLIP, texts: Iterable[str]) -> None:
    """Bring the text tower of a CLIP to ComfyUI's device, unless it remembers the embeddings of all texts.

    To be called under `enable_autograd`, as `load_judges`.

    Args:
        clip: a CLIP from `manage_clip`.
        texts: what is to be read.

    Raises:
        ValueError: when the CLIP has no text tower.
    """
    tower = clip.reader
    if tower.module is not None and not all(tower.knows(text) for text in texts):
        mm.load_models_gpu([tower.owner], memory_required=_READING_BYTES, force_full_load=True)
        _replace_inference_tensors(tower.module)


def load_judges(judges: Iterable[Judge], views: int) -> None:
    """Bring judges to ComfyUI's device, with room for the gradients of some views.

    To be called under `enable_autograd`, and before every run: other models may have pushed ours off the device since
    the last one.

    Args:
        judges: judges whose owners are handles from `manage_module`. Those that share a module are loaded once.
        views: the number of views that go through a judge at a time.
    """
    unique = {id(judge.module): judge for judge in judges}.values()
    if not unique:
        return
    needed = max(_estimate_activation_bytes(judge, views) for judge in unique)
    mm.load_models_gpu([judge.owner for judge in unique], memory_required=needed, force_full_load=True)
    for judge in unique:
        _replace_inference_tensors(judge.module)


def _estimate_activation_bytes(judge: Judge, views: int) -> int:
    """Return about how many bytes the activations of some views take until the backward pass."""
    return views * judge.size**2 * _BYTES_PER_PIXEL


def _replace_inference_tensors(module: nn.Module) -> None:
    """Replace weights and buffers that a move under inference mode has made unusable for autograd by copies."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.is_inference():
                setattr(part, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_inference():
                setattr(part, name, buffer.clone())


@contextmanager
def free_cache() -> Iterator[None]:
    """Return PyTorch's cached device memory to other programs when the block ends, also when it raises."""
    try:
        yield
    finally:
        mm.soft_empty_cache()
