"""ComfyUI's folders of models and its output folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import folder_paths
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

CLASSIFIERS = "classifiers"
CLIPS = "open_clip"
_WEIGHTS = {".safetensors", ".pth", ".pt", ".bin"}


def register_folders() -> None:
    """Tell ComfyUI where our models lie, next to what other packs may have said of those folders."""
    for kind in (CLASSIFIERS, CLIPS):
        folder_paths.add_model_folder_path(kind, os.path.join(folder_paths.models_dir, kind))
        paths, extensions = folder_paths.folder_names_and_paths[kind]
        folder_paths.folder_names_and_paths[kind] = (paths, set(extensions) | _WEIGHTS)


def list_model_files(kind: str) -> list[str]:
    """The checkpoints in ComfyUI's folder of a kind of model, by name."""
    return [str(name) for name in folder_paths.get_filename_list(kind)]


def find_model_file(kind: str, name: str) -> Path:
    """The path of one of them; ValueError when there is none of that name."""
    path = folder_paths.get_full_path(kind, name) if name in list_model_files(kind) else None
    if path is None:
        raise ValueError(f"no checkpoint '{name}' lies in {find_model_folder(kind)}; put it there and refresh (key R)")
    return Path(path)


def read_file_time(kind: str, source: Mapping[str, Any] | None) -> int:
    """When the checkpoint that a loader's `source` names was last changed; 0 if it names none."""
    if source and source.get("source") == "file" and source.get("checkpoint") in list_model_files(kind):
        return find_model_file(kind, source["checkpoint"]).stat().st_mtime_ns
    return 0


def find_model_folder(kind: str) -> Path:
    """Where fetched weights of a kind of model are put."""
    return Path(folder_paths.get_folder_paths(kind)[0])


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
