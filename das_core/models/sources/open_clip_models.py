"""CLIPs of open_clip, with their published weights or with a checkpoint on disk.

open_clip (Ilharco et al., 2021; Cherti et al., 2023, arXiv 2212.07143) builds the towers. It does not fetch and read
their weights: its own way cannot be cancelled, and does not compare claimed sizes with the size of a file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from ...common.images import Fit, Interpolation
from ...common.interruption import interruptible_building, is_cancellation
from ...common.text import shorten
from ..clip import CLIP, assemble_clip
from ..frozen import copy_module, freeze
from ..judge import Judge, to_triple
from .clip_layouts import read_clip_config, read_clip_weights
from .download import Progress, fetch_file
from .open_clip_catalog import STAND_IN_TEXT, guess_architecture, locate_weights
from .open_clip_text import (
    GivenTokenizer,
    Tokenizer,
    build_text_tower,
    build_tokenizer,
    check_text_config,
    localize_config,
    without_torchaudio,
)
from .weights import RefusedError, UndrawnWeights, fit_weights

Config = dict[str, Any]  # Of a model, as open_clip writes it: `embed_dim`, `vision_cfg`, `text_cfg` and others.


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
    repository, names = locate_weights(architecture, pretrained)
    config = open_clip.get_model_config(architecture)
    published = open_clip.get_pretrained_cfg(architecture, pretrained)
    # The activation function that the weights were trained with; the tensors do not show which one it was.
    config["quick_gelu"] = published.get("quick_gelu", config.get("quick_gelu", False))
    path = fetch_file(repository, names, folder, progress)
    state = read_clip_weights(path)
    return _load(f"{architecture} {pretrained}", config, published, state, path.name, folder, progress)


def load_clip_file(path: Path, architecture: str | None, folder: Path) -> CLIP:
    """Load a CLIP from a checkpoint on disk, with tensors named as in open_clip or transformers, see `load`. The
    `folder` keeps downloads, such as the tokenizer of a text tower that open_clip lacks."""
    # open_clip would also accept 'hf-hub:OWNER/REPOSITORY' and load a configuration that anybody may have written.
    if architecture is not None and architecture not in open_clip.list_models():
        raise ValueError(
            f"open_clip has no architecture '{shorten(architecture)}'; write one of its list, such as ViT-B-32"
        )
    state = read_clip_weights(path)
    known = read_clip_config(path, state)
    named = architecture or guess_architecture(state, path.name, known.get("quick_gelu"))
    config = open_clip.get_model_config(named)
    quick = config.get("quick_gelu", False)
    if architecture is not None and known.get("quick_gelu", quick) != quick:
        raise ValueError(
            f"the configuration beside '{path.name}' says that it was trained {'without' if quick else 'with'} "
            f"quickgelu, unlike {named}; choose the other architecture, or none to have it found"
        )
    config["quick_gelu"] = known.get("quick_gelu", quick)
    tags = open_clip.list_pretrained_tags_by_model(named)
    # Those of the first published weights of the architecture; a few others were trained with other values.
    published = open_clip.get_pretrained_cfg(named, tags[0]) if tags else {}
    published = {**published, **known}
    return _load(path.stem, config, published, state, path.name, folder)


def build_open_clip_module(config: Mapping[str, Any]) -> nn.Module:
    """Build a model of open_clip with random weights and the towers `visual` and `text` from its configuration."""
    # `custom_text` tells open_clip which class to build; here the class is chosen below.
    config = {name: part for name, part in config.items() if name != "custom_text"}
    # The weights of both towers are loaded afterwards, so open_clip must not download any.
    vision = config["vision_cfg"] | {"timm_model_pretrained": False}
    text = config["text_cfg"] | {"hf_model_pretrained": False}
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    with without_torchaudio(), interruptible_building():
        return kind(**config | {"vision_cfg": vision, "text_cfg": text})


def wrap_open_clip_module(
    name: str,
    model: nn.Module,
    tokenizer: Tokenizer | None,
    published: Mapping[str, Any],
    dtype: torch.dtype | None = torch.float32,
) -> CLIP:
    """Return a CLIP made from a model with the towers `visual` and `text`, which have their weights and are frozen.
    Without a tokenizer, the CLIP has no text tower. `published` says how images were prepared in training (`mean`,
    `std`, `resize_mode`, `interpolation`; for a missing key, as for OpenAI's models). A `dtype` of None keeps it."""
    visual, text = model.get_submodule("visual"), model.get_submodule("text")
    # Otherwise CoCa's towers would return their tokens besides the embedding.
    for part in (visual, text):
        part.output_tokens = False  # type: ignore[assignment]
    size = visual.image_size
    size = size[0] if isinstance(size, tuple | list) else size
    judge = Judge(
        name,
        freeze(visual, dtype),
        int(size),  # type: ignore[arg-type]
        to_triple(published.get("mean", open_clip.OPENAI_DATASET_MEAN)),
        to_triple(published.get("std", open_clip.OPENAI_DATASET_STD)),
    )
    tower = None if tokenizer is None else build_text_tower(text, tokenizer)
    fit: Fit = "squash" if published.get("resize_mode") == "squash" else "shortest"
    interpolation: Interpolation = "bilinear" if published.get("interpolation") == "bilinear" else "bicubic"
    return assemble_clip(judge, tower, fit, interpolation)


def _load(
    name: str,
    config: Config,
    published: Mapping[str, Any],
    state: Mapping[str, Tensor],
    source: str,
    folder: Path,
    progress: Progress | None = None,
) -> CLIP:
    texts = [value for key, value in state.items() if not key.startswith(("visual.", "logit_"))]
    has_text = bool(texts)
    text = localize_config(config["text_cfg"], folder, progress) if has_text else STAND_IN_TEXT
    try:
        check_text_config(text, sum(value.numel() for value in texts))
        with UndrawnWeights():
            model = build_open_clip_module(config | {"text_cfg": text})
        tokenizer = build_tokenizer(text) if has_text else None
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
    named.pop("text.transformer.embeddings.position_ids", None)  # Old checkpoints have it.
    named = {key: value for key, value in named.items() if not key.startswith("logit_")}
    # No embedding depends on scale and bias of the logits, whose shapes differ, or on a stand-in for a text tower.
    for key, value in model.state_dict().items():
        if key.startswith("logit_") or not (has_text or key.startswith("visual.")):
            named[key] = value
    fit_weights(model, named, source, name)
    return wrap_open_clip_module(name, model, tokenizer, published)


def copy_open_clip_module(
    name: str, module: nn.Module, published: Mapping[str, Any], tokenizer: Tokenizer | None = None
) -> CLIP:
    """Return a frozen copy of a model of open_clip, which keeps its precision, as a CLIP. `published` is as in
    `wrap_open_clip_module`. Without a tokenizer, that of OpenAI's CLIP is taken; a model with a vocabulary of another
    size then gets no text tower."""
    if tokenizer is not None and not isinstance(tokenizer, HFTokenizer | SimpleTokenizer):
        raise ValueError(
            f"the tokenizer of {name} is a {type(tokenizer).__name__}; give what open_clip.get_tokenizer returns, "
            "such as open_clip.get_tokenizer('ViT-B-16-SigLIP')"
        )
    model = copy_module(name, module)
    text: Any = getattr(model, "text", model)
    # Every architecture of open_clip with a vocabulary of this size uses the tokenizer of OpenAI's CLIP.
    if tokenizer is None and getattr(text, "vocab_size", None) == 49408:
        tokenizer = SimpleTokenizer(context_length=int(text.context_length))
    towers = nn.Module()
    towers.visual = model.visual
    towers.text = model.text if hasattr(model, "text") else _TextHalf(model)
    return wrap_open_clip_module(name, towers, tokenizer, published, dtype=None)


def copy_transformers_module(name: str, module: nn.Module, published: Mapping[str, Any], tokenizer: Any = None) -> CLIP:
    """Return a frozen copy of a CLIP of transformers, or of its image half, which keeps its precision. `published` is
    as in `wrap_open_clip_module`. Without a tokenizer of transformers, it has no text tower."""
    model: Any = copy_module(name, module)
    towers = nn.Module()
    towers.visual = _Tower(model, "vision_model", "visual_projection")
    towers.visual.image_size = getattr(model.config, "vision_config", model.config).image_size
    towers.text = _Tower(model, "text_model", "text_projection")
    reads = tokenizer is not None and hasattr(model, "text_model")
    words = GivenTokenizer(tokenizer, model.config.text_config.max_position_embeddings) if reads else None
    # SigLIPs were trained so.
    published = {"resize_mode": "squash" if model.config.model_type == "siglip" else "shortest", **published}
    return wrap_open_clip_module(name, towers, words, published, dtype=None)


class _Tower(nn.Module):
    """One tower of a CLIP of transformers and its projection, if it has any, under their names in the model."""

    def __init__(self, model: nn.Module, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, getattr(model, name, nn.Identity()))

    def forward(self, shown: Tensor) -> Tensor:
        """Return the embeddings (V, D) of normalised views (V, 3, S, S), or of tokens (V, L)."""
        tower, projection = self.children()
        embeddings: Tensor = projection(tower(shown).pooler_output)
        return embeddings


class _TextHalf(nn.Module):
    """A text tower as a module, for a model whose text tower has its parts as attributes of the model itself."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        # The image tower is removed here; otherwise it would be moved and converted together with the text tower.
        model.visual = nn.Identity()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the embeddings (T, D) of tokens (T, L)."""
        embeddings: Tensor = self.model.encode_text(tokens)  # type: ignore[operator]
        return embeddings
