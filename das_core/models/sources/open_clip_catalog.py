"""The models of open_clip by name, 'ARCHITECTURE/WEIGHTS': which there are, where, and which one a checkpoint has."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import open_clip
import torch
from torch import Tensor

from .download import locate_repository

_LOG = logging.getLogger(__name__)

DEFAULT_NAME = "ViT-B-32/laion2b_s34b_b79k"  # A published model to begin with: small, quick and good.

COMMON_ARCHITECTURES = (
    "ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336", "ViT-H-14", "ViT-bigG-14", "ViT-B-32-quickgelu",
    "ViT-B-16-quickgelu", "ViT-L-14-quickgelu", "RN50", "convnext_base_w", "ViT-B-16-SigLIP", "ViT-B-16-SigLIP2",
    "ViT-SO400M-14-SigLIP",
)  # fmt: skip
"""The architectures that most checkpoints have; lists of architectures begin with them."""

STAND_IN_TEXT = {"width": 64, "heads": 1, "layers": 1, "vocab_size": 8}
"""The configuration of a small text tower, which open_clip needs to build a model whose text tower is not used."""


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
    return list(dict.fromkeys([*COMMON_ARCHITECTURES, *open_clip.list_models()]))


def locate_weights(architecture: str, pretrained: str) -> tuple[str, Sequence[str]]:
    """Return the repository ('OWNER/NAME') of published weights, and the names of their file, the safest first."""
    # `hf_hub` is 'OWNER/NAME/FILE', or 'OWNER/NAME/' if the file has one of the usual names.
    repository, _, name = open_clip.get_pretrained_cfg(architecture, pretrained)["hf_hub"].rpartition("/")
    if not name:
        return repository, ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    return repository, (f"{name.rpartition('.')[0]}.safetensors", name)


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
    vision = config["vision_cfg"] | {"timm_model_pretrained": False}
    # On the meta device tensors have shapes but no numbers, so building a model there takes almost no time.
    with torch.device("meta"):
        model = open_clip.CustomTextCLIP(config["embed_dim"], vision, STAND_IN_TEXT)
    own = {key: tuple(value.shape) for key, value in model.state_dict().items() if key.startswith("visual.")}
    return own == shapes


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
