"""Guessing which architecture of open_clip a checkpoint was trained with, by the shapes of its tensors."""

import logging
from collections.abc import Mapping

import open_clip
import torch
from torch import Tensor

_LOG = logging.getLogger(__name__)
_IMAGE = "visual."

STAND_IN_TEXT = {"width": 64, "heads": 1, "layers": 1, "vocab_size": 8}
"""The configuration of a small text tower, which open_clip needs to build a model whose text tower is not used."""


def guess_architecture(state: Mapping[str, Tensor], source: str) -> str:
    """Return the architecture that fits a checkpoint, by the names and shapes of its tensors.

    The tensors of the image tower must have exactly the names and shapes of those in the checkpoint. For a text tower
    of open_clip, only the size of the vocabulary, the width and the number of positions are compared. For a text tower
    from the library transformers, no sizes are compared. Architectures that differ only in their activation function
    have the same tensors. If several architectures fit, the one with the shortest name is taken, if possible one
    without "quickgelu", and a warning in the log names all of them.

    Args:
        state: the tensors of the checkpoint by name; the names in the image tower begin with `visual.`. The numbers in
            the tensors are not read.
        source: what messages call the checkpoint.

    Raises:
        ValueError: when no architecture has these shapes.
    """
    shapes = {name: tuple(value.shape) for name, value in state.items() if name.startswith(_IMAGE)}
    fits = [name for name in open_clip.list_models() if shapes and _fits(name, state, shapes)]
    if not fits:
        raise ValueError(
            f"'{source}' has the shapes of no architecture that open_clip knows; name its architecture, or choose a "
            "checkpoint that open_clip has saved"
        )
    # The plainest name is the shortest of the names without "quickgelu" (a special activation function); if all names
    # contain "quickgelu", it is the shortest of all.
    best = min(fits, key=lambda name: ("quickgelu" in name, len(name)))
    if len(fits) > 1:
        _LOG.warning(
            "'%s' could be of the architectures %s; it is read as %s. Name the right one if its answers are dull "
            "(OpenAI's own weights want quickgelu)",
            source,
            ", ".join(fits),
            best,
        )
    return best


def _fits(name: str, state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether the towers of the architecture `name` fit a checkpoint."""
    config = open_clip.get_model_config(name)
    text, vision = config["text_cfg"], config["vision_cfg"]
    # Cheap checks first: they exclude most architectures before a model is built. In a model whose image tower is built
    # by timm, the names of the tower's tensors begin with `visual.trunk.`.
    if ("timm_model_name" in vision) != any(key.startswith(f"{_IMAGE}trunk.") for key in shapes):
        return False
    if not _text_fits(text, state):
        return False
    config = {"embed_dim": config["embed_dim"], "quick_gelu": config.get("quick_gelu", False)}
    vision = vision | {"timm_model_pretrained": False}
    # On the meta device tensors have shapes but no numbers, so building a model there takes almost no time. Only the
    # shapes of the image tower are compared, so a stand-in takes the place of the text tower.
    with torch.device("meta"):
        model = open_clip.CustomTextCLIP(**config, vision_cfg=vision, text_cfg=STAND_IN_TEXT)
    own = {key: tuple(value.shape) for key, value in model.state_dict().items() if key.startswith(_IMAGE)}
    return own == shapes


def _text_fits(text: Mapping[str, object], state: Mapping[str, Tensor]) -> bool:
    """Return whether the text tower of an architecture fits a checkpoint."""
    has_text = any(not name.startswith((_IMAGE, "logit_")) for name in state)
    if not has_text:
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
