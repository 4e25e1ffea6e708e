"""Judges from checkpoints, whatever they are: CLIPs and classifiers, on disk, on the hub or in the gallery."""

import re
from os import PathLike
from pathlib import Path

from ...common.files import find_cache_folder
from ...common.text import shorten
from ..judge import Judge
from .checkpoints import read_checkpoint
from .classifier_files import load_classifier_file
from .download import Progress, fetch_file
from .gallery import Entry, fetch
from .open_clip_models import load_clip_file, load_open_clip
from .timm_models import load_timm

HUB = "hf-hub:"  # What stands before the id of a repository of the Hugging Face hub.

_CONFIGS = ("open_clip_config.json", "config.json", "preprocessor_config.json")
_WEIGHTS = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin")


def load(path: str | PathLike[str], architecture: str | None = None, prefix: str | None = None) -> Judge:
    """Load a CLIP, a classifier, or an `Embedder` such as DINOv3 from a checkpoint; no code in the file is run.

    Taken are files of timm, torchvision, open_clip and transformers' CLIP and SigLIP, and what trainers make of them:
    in dictionaries, behind prefixes (DataParallel, Lightning, robustness), with losses, averages and states beside.

    Args:
        path: a .safetensors file, or one that torch has saved (.pt, .pth, .bin, .ckpt); or 'hf-hub:OWNER/NAME', which
            is downloaded into the user's folder, usually `~/.cache/torch/hub/direct_ascent`.
        architecture: 'timm/NAME' or 'torchvision/NAME' of a classifier, or a name of open_clip's list; None to find it
            by the names and shapes of the tensors, which takes seconds for a rare one.
        prefix: what stands before the names of a classifier's tensors, if the file holds several; None to find it.

    Raises:
        ValueError: when the file is missing, damaged, has code, or fits no architecture; it offers the nearest.

    Example:
        >>> judge = load("models/classifiers/imagenet_l2_3_0.pt")  # doctest: +SKIP
    """
    if isinstance(path, str) and path.startswith(HUB):
        path = fetch_repository(path.removeprefix(HUB), find_cache_folder())
    path = Path(path)
    named = str(architecture).startswith(("timm/", "torchvision/"))
    if not named and any(name.startswith("visual.") for name in read_checkpoint(path, "clip")):
        return load_clip_file(path, architecture, path.parent)
    return load_classifier_file(path, architecture, prefix)


def fetch_repository(repository: str, folder: Path, progress: Progress | None = None) -> Path:
    """Return the weights of a repository of the hub in a folder, after downloading them and their configuration."""
    if not re.fullmatch(r"[\w-][\w.-]{,95}/[\w-][\w.-]{,95}", repository, re.ASCII):
        raise ValueError(f"'{shorten(repository)}' is no repository of the hub; write OWNER/NAME")
    return fetch_file(repository, _WEIGHTS, folder, progress, _CONFIGS)


def load_listed(entry: Entry, folder: Path, progress: Progress | None = None) -> Judge:
    """Load a judge of the gallery, which is downloaded into a folder of models if it is not there yet."""
    library, _, name = entry.address.partition("/")
    if library == "timm":
        return load_timm(name, folder / "timm", progress)
    if library == "open_clip":
        architecture, _, tag = name.partition("/")
        return load_open_clip(architecture, tag, folder, progress)
    if entry.file:
        return load(fetch(entry, folder, progress), entry.architecture or None)
    return load(fetch_repository(entry.address.removeprefix(HUB), folder, progress), entry.architecture or None)
