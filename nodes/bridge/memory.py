"""ComfyUI's memory manager: which models are on the device, and how much memory is free there."""

import ctypes
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Self

import comfy.model_management as mm
import comfy.model_patcher
import torch
from torch import nn

from ...das_core.common.cache import free_caches
from ...das_core.models.activation_memory import measure_view_bytes
from ...das_core.models.clip import CLIP
from ...das_core.models.judge import J, Judge
from .tensors import get_device, get_storage_device

_TEXT_ENCODING_BYTES = 2**28
"""Memory reserved for encoding a text (256 MiB): far more than the activations of a text tower take."""


def measure_free_memory(device: torch.device | None = None) -> int:
    """Return how many bytes are free on a device; by default on the one that ComfyUI computes on."""
    return int(mm.get_free_memory(device or get_device()))


def check_memory(needed: int, what: str, advice: str, device: torch.device | None = None) -> None:
    """Raise a ValueError about `what`, with advice, when fewer bytes are free (by default on ComfyUI's device)."""
    free = measure_free_memory(device)
    if needed > free:
        raise ValueError(f"{what} needs about {_format_gib(needed)}, and {_format_gib(free)} are free: {advice}")


def make_room(needed: int, what: str, advice: str) -> None:
    """Unload models from the device, unless it is a CPU, until `needed` bytes are free; see `check_memory`."""
    device = get_device()
    if device.type != "cpu":
        mm.free_memory(needed, device)
    check_memory(needed, what, advice)


def check_frame_memory(batch: int, width: int, height: int, steps: int, every: int) -> None:
    """Raise a ValueError when the frames that an ascent keeps do not fit into the memory where ComfyUI keeps images."""
    count = 1 + (steps - 1) // every if every else 1
    # 2: the single frames, and the batch into which they are joined. 4: the bytes of a float32. 3: the channels.
    frame_bytes = 2 * 4 * 3 * batch * width * height
    device = get_storage_device()
    fitting = measure_free_memory(device) // frame_bytes
    advice = "make the picture or the batch smaller"
    if fitting and every:
        larger = (steps - 1) // fitting + 1
        advice = f"set frame_every to {larger} or more, which keeps {1 + (steps - 1) // larger}, or to 0"
    check_memory(count * frame_bytes, f"keeping {count} frames", advice, device)


def _format_gib(count: float) -> str:
    """Return a number of bytes in GiB, with one decimal."""
    return f"{count / 2**30:.1f} GiB"


def manage_module(module: nn.Module) -> object:
    """Return a ModelPatcher for ComfyUI's memory manager, which stops managing the module when it is collected."""
    return comfy.model_patcher.ModelPatcher(module, load_device=get_device(), offload_device=mm.unet_offload_device())


def share_patcher(patcher: Any) -> object:
    """Return a ModelPatcher that brings a whole module to the device: the one that the module has, or its clone."""
    # ComfyUI would report a second, independent ModelPatcher as a memory leak, and collect garbage at every load.
    is_dynamic = getattr(patcher, "is_dynamic", None)
    if is_dynamic is not None and is_dynamic():
        # A dynamic ModelPatcher loads and unloads weights while the module runs: a backward pass would not find them.
        shared = patcher.clone(disable_dynamic=True, model_override=patcher.get_clone_model_override())
    elif patcher.load_device == get_device():
        return patcher
    else:
        shared = patcher.clone()
    shared.load_device = get_device()
    return shared


def manage_judge(judge: J) -> J:
    """Return a judge whose owner, of an ensemble the owner of each member, is a ModelPatcher of its module."""
    return judge.map_members(lambda member: replace(member, owner=manage_module(member.module)))


def manage_clip(clip: CLIP) -> CLIP:
    """Return a CLIP whose towers have owners of their own: the text tower need not stay on the device."""
    return clip.map_members(_manage_towers)


def _manage_towers(clip: CLIP) -> CLIP:
    """Return a copy of a single CLIP (no ensemble), with a ModelPatcher as the owner of each tower."""
    text = clip.text
    if text is not None and text.module is not None:
        text = replace(text, owner=manage_module(text.module))
    return replace(clip, owner=manage_module(clip.module), text=text)


def load_text_tower(clip: CLIP, texts: Iterable[str]) -> None:
    """Bring the text tower of a CLIP to ComfyUI's device, unless all texts are cached; call under `own_modes`."""
    wanted = list(texts)
    # A tower whose `module` is None moves its networks itself.
    for tower in [member.text_tower for member in clip.members]:
        if tower.module is not None and not all(tower.is_cached(text) for text in wanted):
            mm.load_models_gpu([tower.owner], memory_required=_TEXT_ENCODING_BYTES, force_full_load=True)
            _replace_inference_tensors(tower.module)


def load_judges(judges: Iterable[Judge], views: int, room: int = 0) -> None:
    """Bring judges to ComfyUI's device, with room for `views` views at a time, or for more bytes if `room` is larger.

    To be called before every run, under `own_modes`: other models may have pushed the judges off the device.
    """
    unique = {id(member.module): member for judge in judges for member in judge.members}.values()
    if not unique:
        return
    needed = max(room, *(views * measure_view_bytes(judge) for judge in unique))
    patchers = [judge.owner for judge in unique]
    if not any(each is _manage_caches() for each in mm.loaded_models()):
        patchers.append(_manage_caches())
    mm.load_models_gpu(patchers, memory_required=needed, force_full_load=True)
    for judge in unique:
        _replace_inference_tensors(judge.module)


class Constants(nn.Module):
    """An empty module that stands for the caches of the library; when ComfyUI unloads it, the caches are emptied."""

    # ComfyUI calls `to` when it loads a module, and when it unloads it to free memory. The class is named in its log.
    def to(self, *args: Any, **kwargs: Any) -> Self:
        free_caches()
        return self


@cache
def _manage_caches() -> object:
    """Return the ModelPatcher of a module that stands for the caches."""
    return manage_module(Constants())


def _replace_inference_tensors(module: nn.Module) -> None:
    """Replace weights and buffers by copies if they were moved under inference mode, so that autograd can use them."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.is_inference():
                setattr(part, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_inference():
                setattr(part, name, buffer.clone())


@contextmanager
def free_cache_on_exit() -> Iterator[None]:
    """When the `with` block ends, also by an error, release memory that PyTorch and the C library hold unused."""
    # The C library holds about 150 MiB after an ascent on the CPU, and more after a run of a diffusion model.
    try:
        yield
    finally:
        mm.soft_empty_cache()
        _trim_heap()


def _trim_heap() -> None:
    """Let the C library return freed heap memory to the system; only the GNU C library has `malloc_trim`."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(ctypes.c_size_t(0))
