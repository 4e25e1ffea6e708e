"""The models of open_clip by name: which are published, where their weights are, and which architectures there are.

Two names identify a published model: the name of its architecture and the name of its weights. Some functions take the
two names separately. Others take them joined in one string, called a pair: 'ARCHITECTURE/WEIGHTS'.
`open_clip_models.py` loads published models.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import open_clip

from ...common.text import shorten
from .hub import locate_repository
from .names import sort_common_first

DEFAULT_PAIR = "ViT-B-32/laion2b_s34b_b79k"
"""A published model to begin with: small, quick and good."""

COMMON_ARCHITECTURES = (
    "ViT-B-32",
    "ViT-B-16",
    "ViT-L-14",
    "ViT-L-14-336",
    "ViT-H-14",
    "ViT-bigG-14",
    "ViT-B-32-quickgelu",
    "ViT-B-16-quickgelu",
    "ViT-L-14-quickgelu",
    "RN50",
    "convnext_base_w",
    "ViT-B-16-SigLIP",
    "ViT-B-16-SigLIP2",
    "ViT-SO400M-14-SigLIP",
)
"""The architectures that most checkpoints have; lists of architectures begin with them."""

_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""The usual names of files of weights on the hub; for some weights open_clip names another file."""


def list_open_clip_models() -> dict[str, list[str]]:
    """Return, for every architecture with published weights, the names of these weights."""
    models: dict[str, list[str]] = {}
    for architecture, tag in open_clip.list_pretrained():
        models.setdefault(architecture, []).append(tag)
    return models


def list_open_clip_pairs() -> list[str]:
    """Return every published model of open_clip as 'ARCHITECTURE/WEIGHTS', `DEFAULT_PAIR` first.

    Example:
        >>> from das_core.models.sources.open_clip_catalog import list_open_clip_pairs
        >>> list_open_clip_pairs()[0]
        'ViT-B-32/laion2b_s34b_b79k'
    """
    pairs = [f"{architecture}/{tag}" for architecture, tags in list_open_clip_models().items() for tag in tags]
    return sort_common_first(pairs, [DEFAULT_PAIR])


def list_downloaded_open_clip_pairs(folder: Path) -> list[str]:
    """Return those of `list_open_clip_pairs` whose weights are in `folder`, which contains folders of repositories."""

    def is_there(architecture: str, tag: str) -> bool:
        repository, names = locate_weights(architecture, tag)
        # Unlike Path.is_file, os.path.isfile raises no error when a drive is gone.
        return any(os.path.isfile(locate_repository(repository, folder) / name) for name in names)

    return [pair for pair in list_open_clip_pairs() if is_there(*_split(pair))]


def split_open_clip_pair(pair: str) -> tuple[str, str]:
    """Return the architecture and the name of the weights of a published model.

    Args:
        pair: one of `list_open_clip_pairs`.

    Raises:
        ValueError: when it is none of them.

    Example:
        >>> from das_core.models.sources.open_clip_catalog import split_open_clip_pair
        >>> split_open_clip_pair("ViT-B-32/openai")
        ('ViT-B-32', 'openai')
    """
    if pair not in list_open_clip_pairs():
        raise ValueError(
            f"open_clip publishes no model '{shorten(pair)}'; choose one of its list, such as {DEFAULT_PAIR}"
        )
    return _split(pair)


def list_open_clip_architectures() -> list[str]:
    """Return every architecture that a checkpoint on disk may have: all of open_clip's, the common ones first.

    Example:
        >>> from das_core.models.sources.open_clip_catalog import list_open_clip_architectures
        >>> list_open_clip_architectures()[:3]
        ['ViT-B-32', 'ViT-B-16', 'ViT-L-14']
    """
    return sort_common_first(open_clip.list_models(), COMMON_ARCHITECTURES)


def locate_weights(architecture: str, pretrained: str) -> tuple[str, Sequence[str]]:
    """Return the repository of published weights, and the names that their file may have there.

    Args:
        architecture: one of `list_open_clip_models`, such as 'ViT-B-32'.
        pretrained: the name of published weights of that architecture, such as 'laion2b_s34b_b79k'.

    Returns:
        The repository on the hub as 'OWNER/NAME', and the names that its file of weights may have, the safest format
        (safetensors) first.

    Raises:
        KeyError: when open_clip publishes no such weights.

    Example:
        >>> from das_core.models.sources.open_clip_catalog import locate_weights
        >>> locate_weights("ViT-B-32", "laion2b_s34b_b79k")
        ('laion/CLIP-ViT-B-32-laion2B-s34B-b79K', ('open_clip_model.safetensors', 'open_clip_pytorch_model.bin'))
    """
    # `hf_hub` is 'OWNER/NAME/FILE', or 'OWNER/NAME/' if the file has one of the usual names.
    repository, _, name = open_clip.get_pretrained_cfg(architecture, pretrained)["hf_hub"].rpartition("/")
    return repository, (f"{name.rpartition('.')[0]}.safetensors", name) if name else _WEIGHTS


def _split(pair: str) -> tuple[str, str]:
    """Return the name of the architecture and that of the weights in a pair; neither name contains a '/'."""
    architecture, _, tag = pair.partition("/")
    return architecture, tag
