"""The border to ComfyUI: its tensors, devices, memory manager, folders, progress and inference mode.

ComfyUI runs every node under `torch.inference_mode()`, where autograd is impossible, and shares one GPU among all
models. Everything the pack has to know about that stands here, and nowhere else.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import comfy.model_management as mm
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from ..das_core.models.clip import CLIP
from ..das_core.models.judge import Judge

P = ParamSpec("P")
R = TypeVar("R")

CLASSIFIERS = "classifiers"
CLIPS = "open_clip"
_WEIGHTS = {".safetensors", ".pth", ".pt", ".bin"}
_PREVIEWED = 4
# Far more than one text takes.
_READING_BYTES = 2**28


def with_autograd(function: Callable[P, R]) -> Callable[P, R]:
    """Run a node's `execute` outside inference mode, so that what it makes can meet autograd, now and later.

    Only for functions that are not async: awaiting inside would leak the mode into other nodes.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.inference_mode(False), torch.enable_grad():
            return function(*args, **kwargs)

    return run


def images_in(images: Tensor) -> Tensor:
    """ComfyUI's IMAGE (B, H, W, C) as a batch (B, C, H, W) of our own; to be called under `with_autograd`."""
    if images.ndim != 4:
        raise ValueError(f"an IMAGE of shape {tuple(images.shape)} came in; [batch, height, width, channels] is needed")
    # Cloned: a tensor made under inference mode can never meet autograd.
    return images.clone().float().movedim(-1, 1).contiguous()


def mask_in(mask: Tensor) -> Tensor:
    """ComfyUI's MASK (B, H, W) as our own, on the CPU; to be called under `with_autograd`."""
    return mask.clone().float().cpu()


def images_out(images: Tensor) -> Tensor:
    """A batch (B, 3, H, W) as ComfyUI's IMAGE (B, H, W, 3), on the device ComfyUI keeps images on."""
    return images.detach().float().movedim(1, -1).contiguous().to(mm.intermediate_device())


def masks_out(masks: Tensor) -> Tensor:
    """A batch (B, H, W), 0..1, as ComfyUI's MASK, on the device ComfyUI keeps images on."""
    return masks.detach().float().contiguous().to(mm.intermediate_device())


def device() -> torch.device:
    """The device that ComfyUI computes on."""
    chosen: torch.device = mm.get_torch_device()
    return chosen


def storage_device() -> torch.device:
    """The device on which results wait for the next node."""
    chosen: torch.device = mm.intermediate_device()
    return chosen


def free_memory(where: torch.device | None = None) -> int:
    """How many bytes are free on a device (ComfyUI's own if None)."""
    return int(mm.get_free_memory(where or device()))


def check_memory(needed: int, what: str, advice: str, where: torch.device | None = None) -> None:
    """ValueError when `needed` bytes are not free on a device (ComfyUI's own if None)."""
    free = free_memory(where)
    if needed > free:
        raise ValueError(f"{what} needs about {_gib(needed)}, and {_gib(free)} are free: {advice}")


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"


def managed(module: nn.Module) -> object:
    """A handle by which ComfyUI's memory manager moves a frozen module between devices; keep it with the judge."""
    return comfy.model_patcher.ModelPatcher(module, load_device=device(), offload_device=mm.unet_offload_device())


def managed_clip(clip: CLIP) -> CLIP:
    """A CLIP both towers of which are in the care of the memory manager, each by itself: texts are rarely read."""
    text = clip.text
    if text is not None and text.module is not None:
        text = replace(text, owner=managed(text.module))
    return replace(clip, owner=managed(clip.module), text=text)


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


def check_interrupted() -> None:
    """Raise ComfyUI's own exception if the user pressed cancel."""
    mm.throw_exception_if_processing_interrupted()


class Progress:
    """The progress bar of the node that runs now, with a live preview of batches (B, 3, H, W)."""

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)

    def update(self, done: int, total: int | None = None, image: Tensor | None = None) -> None:
        """Show that `done` steps are done, and an image if there is one; raises when the user pressed cancel."""
        check_interrupted()
        preview = None if image is None else ("JPEG", _contact(image), None)
        self._bar.update_absolute(done, total, preview)


def _contact(images: Tensor) -> Image.Image:
    shown = images[:_PREVIEWED].detach().cpu()
    picture: Image.Image = to_pil_image(make_grid(shown, nrow=2, padding=2) if len(shown) > 1 else shown[0])
    return picture


@contextmanager
def freed() -> Iterator[None]:
    """Give cached memory back however the work inside ends."""
    try:
        yield
    finally:
        mm.soft_empty_cache()


def save_rescued(images: Tensor) -> list[str]:
    """Save images (B, 3, H, W) of a failed run into ComfyUI's output folder; the names of the files, from there."""
    height, width = images.shape[2:]
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        "direct_ascent_last_good", folder_paths.get_output_directory(), width, height
    )
    saved = []
    for offset, image in enumerate(images):
        file = f"{name}_{counter + offset:05}_.png"
        to_pil_image(image.detach().cpu()).save(os.path.join(folder, file))
        saved.append(os.path.join(subfolder, file))
    return saved


def register_folders() -> None:
    """Tell ComfyUI where our models lie, next to what other packs may have said of those folders."""
    for kind in (CLASSIFIERS, CLIPS):
        folder_paths.add_model_folder_path(kind, os.path.join(folder_paths.models_dir, kind))
        paths, extensions = folder_paths.folder_names_and_paths[kind]
        folder_paths.folder_names_and_paths[kind] = (paths, set(extensions) | _WEIGHTS)


def model_files(kind: str) -> list[str]:
    """The checkpoints in ComfyUI's folder of a kind of model, by name."""
    return [str(name) for name in folder_paths.get_filename_list(kind)]


def model_path(kind: str, name: str) -> Path:
    """The path of one of them; ValueError when there is none of that name."""
    path = folder_paths.get_full_path(kind, name) if name in model_files(kind) else None
    if path is None:
        raise ValueError(f"no checkpoint '{name}' lies in {model_folder(kind)}; put it there and refresh (key R)")
    return Path(path)


def file_time(kind: str, source: Mapping[str, Any] | None) -> int:
    """When the checkpoint that a loader's `source` names was last changed; 0 if it names none."""
    if source and source.get("source") == "file" and source.get("checkpoint") in model_files(kind):
        return model_path(kind, source["checkpoint"]).stat().st_mtime_ns
    return 0


def model_folder(kind: str) -> Path:
    """Where fetched weights of a kind of model are put."""
    return Path(folder_paths.get_folder_paths(kind)[0])
