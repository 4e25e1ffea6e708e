"""Models of open_clip as modules: built, recognised by the shapes of their tensors, and made into CLIPs; and CLIPs of
transformers, which are made in the same way."""

import logging
from collections.abc import Mapping
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from ...common.images import Fit, Interpolation
from ...common.interruption import interruptible_building
from ..clip import CLIP, assemble_clip
from ..frozen import copy_module, freeze
from ..judge import Judge, to_triple
from .open_clip_text import GivenTokenizer, Tokenizer, build_text_tower, prepare_transformers

_LOG = logging.getLogger(__name__)

STAND_IN_TEXT = {"width": 64, "heads": 1, "layers": 1, "vocab_size": 8}
"""The configuration of a small text tower, which open_clip needs to build a model whose text tower is not used."""


def build_open_clip_module(config: Mapping[str, Any]) -> nn.Module:
    """Build a model of open_clip with random weights and the towers `visual` and `text` from its configuration."""
    # `custom_text` tells open_clip which class to build; here the class is chosen below.
    config = {name: part for name, part in config.items() if name != "custom_text"}
    # The weights of both towers are loaded afterwards, so open_clip must not download any.
    vision = config["vision_cfg"] | {"timm_model_pretrained": False}
    text = config["text_cfg"] | {"hf_model_pretrained": False}
    kind = open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP
    prepare_transformers()
    with interruptible_building():
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


def guess_architecture(state: Mapping[str, Tensor], source: str, quick_gelu: bool | None = None) -> str:
    """Return the architecture of open_clip whose image tower has exactly the tensors `visual.…` of a checkpoint. If
    several fit, the plainest is taken, with a warning; but none if they differ in an activation function that no tensor
    shows and `quick_gelu` does not say."""
    shapes = {name: tuple(value.shape) for name, value in state.items() if name.startswith("visual.")}
    fits = [name for name in open_clip.list_models() if shapes and _fits(name, state, shapes)]
    if not fits:
        raise ValueError(
            f"'{source}' has the shapes of no architecture that open_clip knows; name its architecture, or choose a "
            "checkpoint that open_clip has saved"
        )
    kinds = {name: bool(open_clip.get_model_config(name).get("quick_gelu")) for name in fits}
    if len(set(kinds.values())) > 1 and quick_gelu is None:
        raise ValueError(
            f"'{source}' could be of the architectures {', '.join(fits)}, which differ in their activation function, "
            "and no configuration beside it says which: choose one (those that descend from OpenAI's weights, such as "
            "FARE and TeCoA, want quickgelu)"
        )
    fits = [name for name in fits if kinds[name] == quick_gelu] or fits
    best = min(fits, key=len)
    if len(fits) > 1:
        _LOG.warning("'%s' could be of the architectures %s; read as %s", source, ", ".join(fits), best)
    return best


def _fits(name: str, state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    config = open_clip.get_model_config(name)
    # Cheap checks first: they exclude most architectures before a model is built. In a model whose image tower is built
    # by timm, the names of the tower's tensors begin with `visual.trunk.`.
    is_timm = "timm_model_name" in config["vision_cfg"]
    if is_timm != any(key.startswith("visual.trunk.") for key in shapes) or not _text_fits(config["text_cfg"], state):
        return False
    # On the meta device tensors have shapes but no numbers, so building a model there takes almost no time.
    with torch.device("meta"):
        model = build_open_clip_module(
            {**{key: config[key] for key in ("embed_dim", "vision_cfg")}, "text_cfg": STAND_IN_TEXT}
        )
    return shapes == {k: tuple(v.shape) for k, v in model.state_dict().items() if k.startswith("visual.")}


def _text_fits(text: Mapping[str, object], state: Mapping[str, Tensor]) -> bool:
    if all(name.startswith(("visual.", "logit_")) for name in state):
        return True
    tokens = state.get("token_embedding.weight", state.get("text.token_embedding.weight"))
    # Text towers whose network comes from transformers have no tensor of this name; all others have one.
    if "hf_model_name" in text or tokens is None:
        return ("hf_model_name" in text) == (tokens is None)
    positions = state.get("positional_embedding", state.get("text.positional_embedding"))
    vocabulary, width = text.get("vocab_size", 49408), text.get("width", 512)
    # CoCa has one position more than the context length, because it adds a token of its own at the end of a text.
    length = int(str(text.get("context_length", 77))) + bool(text.get("embed_cls"))
    return tuple(tokens.shape) == (vocabulary, width) and positions is not None and positions.shape[0] == length


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
