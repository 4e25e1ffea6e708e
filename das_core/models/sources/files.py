"""Judges from checkpoints on disk, whatever they are: CLIPs and classifiers."""

from os import PathLike
from pathlib import Path

from ..judge import Judge
from .classifier_files import load_classifier_file
from .clip_layouts import read_clip_weights
from .open_clip_models import load_clip_file


def load(path: str | PathLike[str], architecture: str | None = None, prefix: str | None = None) -> Judge:
    """Load a CLIP or a classifier from a checkpoint on disk; no code in the file is run.

    Taken are files of timm, torchvision, open_clip and transformers' CLIP and SigLIP, and what trainers make of them:
    in dictionaries, behind prefixes (DataParallel, Lightning, robustness), with losses, averages and states beside.

    Args:
        path: a .safetensors file, or one that torch has saved (.pt, .pth, .bin, .ckpt).
        architecture: 'timm/NAME' or 'torchvision/NAME' of a classifier, or a name of open_clip's list; None to find it
            by the names and shapes of the tensors, which takes seconds for a rare one.
        prefix: what stands before the names of a classifier's tensors, if the file holds several; None to find it.

    Raises:
        ValueError: when the file is missing, damaged, has code, or fits no architecture; it offers the nearest.

    Example:
        >>> judge = load("models/classifiers/imagenet_l2_3_0.pt")  # doctest: +SKIP
    """
    path = Path(path)
    named = str(architecture).startswith(("timm/", "torchvision/"))
    if not named and any(name.startswith("visual.") for name in read_clip_weights(path)):
        return load_clip_file(path, architecture, path.parent)
    return load_classifier_file(path, architecture, prefix)
