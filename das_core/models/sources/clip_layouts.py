"""Brings the tensors of a CLIP to open_clip's names: those of transformers, of image towers alone, behind prefixes.

What tensors do not show, the activation function and the normalisation, is read from a configuration beside the file.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .layouts import check_normalization, choose_prefix, find_normalization, find_prefixes, read_config, take_part
from .weights import read_weights

_ANCHORS = ("class_embedding", "attnpool.positional_embedding", "trunk.patch_embed.proj.weight", "trunk.stem.0.weight")
"""Tensors of image towers of open_clip: what stands before the first of them belongs to none of its own names."""

_FROM_TRANSFORMERS = (
    (r"vision_model\.embeddings\.(class_embedding)", r"visual.\1"),
    (r"vision_model\.embeddings\.patch_embedding", "visual.conv1"),
    (r"vision_model\.embeddings\.position_embedding\.weight", "visual.positional_embedding"),
    (r"vision_model\.pre_layrnorm", "visual.ln_pre"),
    (r"vision_model\.post_layernorm", "visual.ln_post"),
    (r"vision_model\.encoder\.layers", "visual.transformer.resblocks"),
    (r"visual_projection\.weight", "visual.proj"),
    (r"text_model\.embeddings\.token_embedding", "token_embedding"),
    (r"text_model\.embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"text_model\.final_layer_norm", "ln_final"),
    (r"text_model\.encoder\.layers", "transformer.resblocks"),
    (r"text_projection\.weight", "text_projection"),
)
"""Names of transformers' CLIPModel as patterns, and those of open_clip."""

_POOL = "visual.trunk.attn_pool"
_FROM_SIGLIP = (
    (r"vision_model\.embeddings\.patch_embedding", "visual.trunk.patch_embed.proj"),
    (r"vision_model\.embeddings\.position_embedding\.weight", "visual.trunk.pos_embed"),
    (r"vision_model\.encoder\.layers\.(\d+)\.layer_norm", r"visual.trunk.blocks.\1.norm"),
    (r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.out_proj", r"visual.trunk.blocks.\1.attn.proj"),
    (r"vision_model\.encoder\.layers", "visual.trunk.blocks"),
    (r"vision_model\.post_layernorm", "visual.trunk.norm"),
    (r"vision_model\.head\.probe", f"{_POOL}.latent"),
    (r"vision_model\.head\.layernorm", f"{_POOL}.norm"),
    (r"vision_model\.head\.attention\.out_proj", f"{_POOL}.proj"),
    (r"vision_model\.head\.(attention\.)?", f"{_POOL}."),
    (r"text_model\.embeddings\.token_embedding", "text.token_embedding"),
    (r"text_model\.embeddings\.position_embedding\.weight", "text.positional_embedding"),
    (r"text_model\.final_layer_norm", "text.ln_final"),
    (r"text_model\.encoder\.layers", "text.transformer.resblocks"),
    (r"text_model\.head", "text.text_projection"),
)
"""The same of transformers' SiglipModel, whose image tower is one of timm in open_clip."""

_IN_BLOCKS = (
    (r"(resblocks\.\d+)\.layer_norm([12])\.", r"\1.ln_\2."),
    (r"(resblocks\.\d+)\.self_attn\.out_proj\.", r"\1.attn.out_proj."),
    (r"(resblocks\.\d+)\.mlp\.fc1\.", r"\1.mlp.c_fc."),
    (r"(resblocks\.\d+)\.mlp\.fc2\.", r"\1.mlp.c_proj."),
)
"""Names inside the blocks of all towers that open_clip itself builds."""

_CLIP, _SIGLIP = "vision_model.embeddings.class_embedding", "vision_model.head.probe"  # Tensors that only they have.


def read_clip_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a CLIP under open_clip's names; of a file that is one of several shards, those of all."""
    shards = [path]
    if found := re.fullmatch(r"(.+)-\d{5}-of-(\d{5})", path.stem):
        count = int(found[2])
        shards = [path.with_name(f"{found[1]}-{n:05}-of-{count:05}{path.suffix}") for n in range(1, count + 1)]
    state = {name: value for shard in shards for name, value in read_weights(shard).items()}
    if prefixes := find_prefixes(state, (_CLIP, _SIGLIP)):
        try:
            return _rename_transformers(_strip(state, choose_prefix(state, prefixes, path.name)))
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"'{path.name}' is no whole CLIP of transformers ({error}); get it again") from error
    towers = {name[: found.start()] for name in state if (found := re.search(r"(?<![^.])visual\.", name))}
    if towers:
        return _strip(state, choose_prefix(state, towers, path.name))
    if prefixes := find_prefixes(state, _ANCHORS):
        return {
            f"visual.{name}": value for name, value in _strip(state, choose_prefix(state, prefixes, path.name)).items()
        }
    return state


def read_clip_config(path: Path, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what is known of how a CLIP in a file was trained: `quick_gelu`, `mean`, `std`, `resize_mode` and
    `interpolation`, from the configurations that open_clip and transformers write beside it, and from its tensors."""
    own = read_config(path, "open_clip_config.json")
    model, vision = take_part(own, "model_cfg"), take_part(read_config(path, "config.json"), "vision_config")
    prepared = read_config(path, "preprocessor_config.json")
    shown = take_part(own, "preprocess_cfg")
    known: dict[str, Any] = {key: shown[key] for key in ("resize_mode", "interpolation") if key in shown}
    known |= check_normalization({key: prepared.get(f"image_{key}") for key in ("mean", "std")})
    known |= check_normalization(shown) | find_normalization(state)
    if model:
        known["quick_gelu"] = model.get("quick_gelu") is True
    elif vision and not any(name.startswith("visual.trunk.") for name in state):
        # transformers leaves out what is as by default.
        known["quick_gelu"] = vision.get("hidden_act", "quick_gelu") == "quick_gelu"
    return known


def _strip(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _rename_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    patterns = (*(_FROM_SIGLIP if _SIGLIP in state else _FROM_TRANSFORMERS), *_IN_BLOCKS)
    for name, value in state.items():
        for pattern, replacement in patterns:
            name = re.sub(pattern, replacement, name)
        named[name] = value.T if name in ("visual.proj", "text_projection") else value
    if _SIGLIP in state:
        named["visual.trunk.pos_embed"] = named["visual.trunk.pos_embed"][None]
        for kind in ("weight", "bias"):
            both = named.pop(f"{_POOL}.in_proj_{kind}")
            pairs = zip(("q", "kv"), both.tensor_split([len(both) // 3]), strict=True)
            named |= {f"{_POOL}.{part}.{kind}": value for part, value in pairs}
    for name in [name for name in named if ".self_attn.q_proj." in name]:
        parts = [named.pop(name.replace(".q_proj.", f".{part}_proj.")) for part in "qkv"]
        block, _, kind = name.partition(".self_attn.q_proj.")
        named[f"{block}.attn." + (f"qkv.{kind}" if ".trunk." in block else f"in_proj_{kind}")] = torch.cat(parts)
    return {name: value for name, value in named.items() if not name.endswith("position_ids")}
