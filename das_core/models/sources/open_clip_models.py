"""CLIPs of open_clip, with their published weights or with a checkpoint on disk.

open_clip (Ilharco et al., 2021; Cherti et al., 2023, arXiv 2212.07143) builds the towers. It does not fetch and read
their weights: its own way cannot be cancelled, and does not compare claimed sizes with the size of a file.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import open_clip
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from torch import Tensor

from ...common.interruption import is_cancellation
from ...common.text import shorten
from ..clip import CLIP
from .checkpoints import LAYOUTS, read_checkpoint, read_settings, take_part
from .download import Progress, fetch_file, locate_repository
from .open_clip_text import build_tokenizer, check_text_config, localize_config
from .open_clip_towers import STAND_IN_TEXT, build_open_clip_module, guess_architecture, wrap_open_clip_module
from .weights import RefusedError, UndrawnWeights, fit_weights

DEFAULT_NAME = "ViT-B-32/laion2b_s34b_b79k"  # A published model to begin with: small, quick and good.


def list_open_clip_names() -> list[str]:
    """Return every published model of open_clip as 'ARCHITECTURE/WEIGHTS', `DEFAULT_NAME` first."""
    names = [f"{architecture}/{tag}" for architecture, tag in open_clip.list_pretrained()]
    return list(dict.fromkeys([DEFAULT_NAME, *names]))


def list_downloaded_open_clip_names(folder: Path) -> list[str]:
    """Return those of `list_open_clip_names` whose weights are in `folder`, which contains folders of repositories."""

    def is_there(name: str) -> bool:
        repository, files = locate_weights(*name.split("/"))
        # Unlike Path.is_file, os.path.isfile raises no error when a drive is gone.
        return any(os.path.isfile(locate_repository(repository, folder) / file) for file in files)

    return [name for name in list_open_clip_names() if is_there(name)]


def list_open_clip_architectures() -> list[str]:
    """Return every architecture that a checkpoint on disk may have: all of open_clip's, the common ones first."""
    return list(dict.fromkeys([*LAYOUTS["common"]["open_clip"], *open_clip.list_models()]))


def locate_weights(architecture: str, pretrained: str) -> tuple[str, Sequence[str]]:
    """Return the repository ('OWNER/NAME') of published weights, and the names of their file, the safest first."""
    # `hf_hub` is 'OWNER/NAME/FILE', or 'OWNER/NAME/' if the file has one of the usual names.
    repository, _, name = open_clip.get_pretrained_cfg(architecture, pretrained)["hf_hub"].rpartition("/")
    if not name:
        return repository, ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    return repository, (f"{name.rpartition('.')[0]}.safetensors", name)


def load_open_clip(architecture: str, pretrained: str, folder: Path, progress: Progress | None = None) -> CLIP:
    """Load a published model of open_clip.

    Args:
        architecture: its name, such as 'ViT-B-32', see `open_clip.list_pretrained`.
        pretrained: the name of published weights of that architecture, such as 'laion2b_s34b_b79k'.
        folder: keeps downloads, with a folder for each repository of the hub; a missing file is downloaded into it.
        progress: is called during a download, with the bytes that have arrived and their total (0 if unknown).

    Raises:
        ValueError: when there is no such model, or its files are damaged or cannot be downloaded.

    Example:
        >>> clip = load_open_clip("ViT-B-32", "laion2b_s34b_b79k", Path("models/open_clip"))  # doctest: +SKIP
    """
    tags = [tag for name, tag in open_clip.list_pretrained() if name == architecture]
    if pretrained not in tags:
        advice = f"one of {', '.join(tags)}" if tags else "another architecture of its list, such as ViT-B-32"
        raise ValueError(
            f"open_clip has no weights '{shorten(pretrained)}' of '{shorten(architecture)}'; choose {advice}"
        )
    config = open_clip.get_model_config(architecture)
    published = open_clip.get_pretrained_cfg(architecture, pretrained)
    # The activation function that the weights were trained with; the tensors do not show which one it was.
    config["quick_gelu"] = published.get("quick_gelu", config.get("quick_gelu", False))
    repository, names = locate_weights(architecture, pretrained)
    path = fetch_file(repository, names, folder, progress)
    state = read_checkpoint(path, "clip")
    return _load(f"{architecture} {pretrained}", config, published, state, path.name, folder, progress)


def load_clip_file(path: Path, architecture: str | None, folder: Path) -> CLIP:
    """Load a CLIP from a checkpoint on disk, with tensors named as in open_clip or transformers, see `load`. The
    `folder` keeps downloads, such as the tokenizer of a text tower that open_clip lacks."""
    # open_clip would also accept 'hf-hub:OWNER/REPOSITORY' and load a configuration that anybody may have written.
    if architecture is not None and architecture not in open_clip.list_models():
        raise ValueError(
            f"open_clip has no architecture '{shorten(architecture)}'; write one of its list, such as ViT-B-32"
        )
    state = read_checkpoint(path, "clip")
    known = read_settings(path, state)
    trained_quick = find_quick_gelu(known, state)
    named = architecture or guess_architecture(state, path.name, trained_quick)
    config = open_clip.get_model_config(named)
    quick = config.get("quick_gelu", False)
    if architecture is not None and trained_quick not in (None, quick):
        raise ValueError(
            f"the configuration beside '{path.name}' says that it was trained {'without' if quick else 'with'} "
            f"quickgelu, unlike {named}; choose the other architecture, or none to have it found"
        )
    config["quick_gelu"] = quick if trained_quick is None else trained_quick
    tags = open_clip.list_pretrained_tags_by_model(named)
    # Those of the first published weights of the architecture; a few others were trained with other values.
    published = open_clip.get_pretrained_cfg(named, tags[0]) if tags else {}
    return _load(path.stem, config, {**published, **known}, state, path.name, folder)


def _load(
    name: str,
    config: dict[str, Any],
    published: Mapping[str, Any],
    state: Mapping[str, Tensor],
    source: str,
    folder: Path,
    progress: Progress | None = None,
) -> CLIP:
    """Return the model with a configuration and the weights `state`; the rest as in `wrap_open_clip_module`."""
    texts = [value for key, value in state.items() if not key.startswith(("visual.", "logit_"))]
    text = localize_config(config["text_cfg"], folder, progress) if texts else STAND_IN_TEXT
    try:
        check_text_config(text, sum(value.numel() for value in texts))
        with UndrawnWeights():
            model = build_open_clip_module(config | {"text_cfg": text})
        tokenizer = build_tokenizer(text) if texts else None
    # transformers and timm may raise any error, for example for a configuration on disk that is damaged.
    except Exception as error:
        if isinstance(error, RefusedError) or is_cancellation(error):
            raise
        raise ValueError(
            f"{name} cannot be built here ({type(error).__name__}: {shorten(str(error), 200)}); update "
            "open_clip_torch, timm and transformers, or choose another model"
        ) from error
    named = convert_state_dict(model, dict(state))
    if "positional_embedding" in named:
        named = convert_to_custom_text_state_dict(named)
    named = {key: value for key, value in named.items() if not key.startswith("logit_")}
    # No embedding depends on scale and bias of the logits, whose shapes differ, or on a stand-in for a text tower.
    for key, value in model.state_dict().items():
        if key.startswith("logit_") or not (texts or key.startswith("visual.")):
            named[key] = value
    fit_weights(model, named, source, name)
    return wrap_open_clip_module(name, model, tokenizer, published)


def find_quick_gelu(known: Mapping[str, Any], state: Mapping[str, Tensor]) -> bool | None:
    """Return whether a CLIP was trained with quickgelu, by what `read_settings` knows of it; None if nothing says."""
    model, vision = take_part(known, "model_cfg"), take_part(known, "vision_config")
    if model:
        return model.get("quick_gelu") is True
    if not vision or any(name.startswith("visual.trunk.") for name in state):
        return None
    # transformers leaves out what is as by default.
    return bool(vision.get("hidden_act", "quick_gelu") == "quick_gelu")
